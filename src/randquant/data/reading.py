"""Rows of samples in, batches out: samples as a data set of torch's, which worker processes can be given.

It stands by itself, so that a worker loads neither methods nor loops.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from randquant.data.batch import Batch, Samples
from randquant.data.items import Items
from randquant.data.photographs import Photographs
from randquant.errors import UserError
from randquant.quantize.draw import Draws

T = TypeVar("T")


class Reader(Dataset[Batch]):
    """Gives whole batches: its index is a tensor of rows."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, rows: Tensor) -> Batch:
        return self._samples.take(rows)


class Cut(NamedTuple):
    """How photographs are cut where they are read.

    Attributes:
        views: crops of each.
        area: the smallest share of a picture's area.
    """

    views: int
    area: float


class Cutter(Dataset[Batch]):
    """Gives whole batches of crops: its index is what the crops' numbers follow from, and the rows."""

    def __init__(self, samples: Photographs, cut: Cut) -> None:
        self._samples, self._cut = samples, cut

    def __getitem__(self, place: tuple[int, int, Tensor, slice, Tensor]) -> Batch:
        seed, epoch, ids, part, rows = place
        return self._samples.cut(rows, Draws(seed, epoch, ids, part), self._cut.views, self._cut.area)


class Compact(Dataset[tuple[Tensor, ...]]):
    """Gives the inputs of many samples as a cache keeps them: its index is a tensor of positions."""

    def __init__(self, items: Items) -> None:
        self._read = items.read

    def __getitem__(self, positions: Tensor) -> tuple[Tensor, ...]:
        read = [self._read(position) for position in positions.tolist()]
        return tuple(torch.stack(one) for one in zip(*read, strict=True))


def plainly(batches: Iterable[T]) -> Iterator[T]:
    """What worker processes read; a mistake of the user that one of them finds is told without its traceback.

    Raises:
        UserError: with the words that it has in the worker.
    """
    try:
        yield from batches
    except UserError as problem:
        raise UserError(str(problem).rpartition("UserError: ")[2].strip()) from problem


def end_with_reader(worker: int) -> None:
    """A worker's first act: to end when the process that reads from it does. One that is killed cannot tell it."""

    def wait() -> None:
        reader = multiprocessing.parent_process()
        assert reader is not None
        reader.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def worker_processes() -> BaseContext:
    """How worker processes start: without the threads of this one, which survive no fork; torch is loaded once."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["randquant.data.reading"])
    return context
