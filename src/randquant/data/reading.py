"""Rows of samples in, batches out: samples as a data set of torch's, which worker processes can be given.

It stands by itself, so that a worker loads neither methods nor loops.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from randquant.data.batch import Batch, Samples
from randquant.data.items import Items
from randquant.data.photographs import Photographs
from randquant.errors import UserError
from randquant.quantize.draw import Draws


class Reader(Dataset[Batch | UserError]):
    """Gives whole batches, or what is wrong with one sample: its index is a tensor of rows.

    It raises nothing: a worker's exception would come back as the text of a traceback.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, rows: Tensor) -> Batch | UserError:
        try:
            return taken(self._samples, rows)
        except UserError as problem:
            return problem


def taken(samples: Samples, rows: Tensor) -> Batch:
    """The samples in these rows.

    Raises:
        UserError: one of them cannot be read, by its id.
    """
    try:
        return samples.take(rows)
    except Exception as error:  # every reader has errors of its own
        which = _culprit(samples, rows)
        if isinstance(error, UserError):  # which names the file
            raise UserError(f"{error} ({which})") from error
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"data: {which} cannot be read ({told})") from error


def _culprit(samples: Samples, rows: Tensor) -> str:
    """The first sample that cannot be read alone."""
    for row in rows:
        try:
            samples.take(row[None])
        except Exception:  # noqa: BLE001 - as above; which one it is says who asks
            return f"the sample with id {int(samples.ids[row])}"
    return f"a batch of {len(rows)} samples"


class Cut(NamedTuple):
    """How photographs are cut where they are read.

    Attributes:
        views: crops of each.
        area: the smallest share of a picture's area.
    """

    views: int
    area: float


class Cutter(Dataset[Batch | UserError]):
    """Gives whole batches of crops, or what is wrong with one of the photographs.

    Its index is what the crops' numbers follow from, and the rows.
    """

    def __init__(self, samples: Photographs, cut: Cut) -> None:
        self._samples, self._cut = samples, cut

    def __getitem__(self, place: tuple[int, int, Tensor, slice, Tensor]) -> Batch | UserError:
        seed, epoch, ids, part, rows = place
        try:
            return self._samples.cut(rows, Draws(seed, epoch, ids, part), self._cut.views, self._cut.area)
        except UserError as problem:
            return problem


class Compact(Dataset[tuple[Tensor, ...]]):
    """Gives the inputs of many samples as a cache keeps them: its index is a tensor of positions."""

    def __init__(self, items: Items) -> None:
        self._read = items.read

    def __getitem__(self, positions: Tensor) -> tuple[Tensor, ...]:
        read = [self._read(position) for position in positions.tolist()]
        return tuple(torch.stack(one) for one in zip(*read, strict=True))


def plainly(batches: Iterable[Batch | UserError]) -> Iterator[Batch]:
    """What worker processes read.

    Raises:
        UserError: what one of them found wrong with a sample.
    """
    for one in batches:
        if isinstance(one, UserError):
            raise one
        yield one


def end_with_reader(worker: int) -> None:
    """A worker's first act: to end when the process that reads from it does. One that is killed cannot tell it.

    Ctrl-C reaches both; the other one saves what there is, and needs its worker until then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

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
