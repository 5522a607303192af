"""Samples in, batches in training order out, from any step on: in memory, or read ahead by processes or threads.

The order is keyed by seed and epoch, so it is known before anything is read, and a resumed training goes on in the
middle of an epoch as if it had never stopped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, tee
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from randquant import world
from randquant.data import Batch, Samples
from randquant.data.cache import Decoded
from randquant.data.own.samples import Rows
from randquant.data.photographs import Photographs
from randquant.data.reading import Cut, Cutter, Reader, end_with_reader, worker_processes
from randquant.errors import UserError
from randquant.quantize.draw import Draws


class Place(NamedTuple):
    """Where in the training a batch stands, and which samples are in it.

    Attributes:
        epoch: how often all samples have been seen before.
        ids: int64 [G], the ids of the samples of all processes.
        rows: int64 [B], the rows of this process's samples in the data set.
        part: where these stand among all.
    """

    epoch: int
    ids: Tensor
    rows: Tensor
    part: slice


def feed(
    samples: Samples,
    device: torch.device,
    *,
    seed: int,
    batch: int,
    workers: int = 0,
    first: int = 0,
    gaps: bool = False,
    cut: Cut | None = None,
) -> Generator[tuple[Batch, Draws], None, None]:
    """Batches of this process, on a device, with the random numbers of their samples, without end.

    What is left of an epoch and fills no batch is left out.

    Args:
        samples: a `Batch` is moved to the device once; others are read by `workers` processes, or threads of this one
            where nothing has to be decoded, since processes take seconds to start.
        device: where batches are wanted.
        seed: names the order.
        batch: samples of all processes together.
        workers: 0 reads in this process.
        first: how many batches were used before.
        gaps: whether NaN stands where a sample has no value.
        cut: how photographs are cut where they are read; others are cut on the device.

    Raises:
        UserError: a sample cannot be read, or holds values that are not finite, on any process; a worker was killed.
    """
    if isinstance(samples, Batch):
        held = samples.to(device)
        for place in _places(held.ids, seed, batch, first):
            yield held.take(place.rows), Draws(seed, place.epoch, place.ids, place.part)
        return
    reader = Cutter(samples, cut) if cut is not None and isinstance(samples, Photographs) else Reader(samples)
    places = _places(samples.ids, seed, batch, first)
    if workers and isinstance(reader, Reader) and _is_mapped(samples):
        places, ahead = tee(places)  # the order of many samples is found once
        reading = _read_ahead(reader, (one.rows for one in ahead), workers)
    else:
        order = _Endless(samples.ids, seed, batch, first, isinstance(reader, Cutter))
        reading = _read_by_processes(reader, order, workers, device)
    try:
        for place in places:
            with world.agreement(device):
                moved = _next(reading).to(device)
                check_finite(moved, gaps=gaps)
            yield moved, Draws(seed, place.epoch, place.ids.to(device), place.part)
    finally:
        if isinstance(reading, Generator):
            reading.close()


def _is_mapped(samples: Samples) -> bool:
    """Whether taking samples is copying them from mapped files."""
    return isinstance(samples, Decoded) or (isinstance(samples, Rows) and not samples.source.decodes)


def _read_ahead(reader: Reader, order: Iterator[Tensor], threads: int) -> Iterator[Batch | UserError]:
    pool = ThreadPoolExecutor(threads)
    try:
        waiting = deque(pool.submit(reader.__getitem__, rows) for rows in islice(order, 2 * threads))
        while True:
            yield waiting.popleft().result()
            waiting.append(pool.submit(reader.__getitem__, next(order)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _read_by_processes(
    reader: Reader | Cutter, order: _Endless, workers: int, device: torch.device
) -> Iterator[Batch | UserError]:
    loader: DataLoader[Batch | UserError] = DataLoader(
        reader,
        sampler=order,
        batch_size=None,  # a reader takes a whole batch at once
        num_workers=workers,
        multiprocessing_context=worker_processes() if workers else None,
        worker_init_fn=end_with_reader,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # the default one is not ours to draw from
    )
    return iter(loader)


def _next(reading: Iterator[Batch | UserError]) -> Batch:
    """The next batch that was read.

    Raises:
        UserError: a sample in it cannot be read, or the process that read it has ended.
    """
    try:
        read = next(reading)
    except RuntimeError as error:
        raise worker_ended(error) or error from error
    except (OSError, EOFError) as error:  # it was to hand over what it had read; what it cannot read is returned
        raise _ended(error) from error
    if isinstance(read, UserError):
        raise read
    return read


def worker_ended(error: RuntimeError) -> UserError | None:
    """The end of a worker process in one line, if that is the error. torch raises it wherever this process is then."""
    return _ended(error) if "DataLoader worker" in str(error) else None


def _ended(error: Exception) -> UserError:
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return UserError(
        f"workers: a process that reads samples has ended ({told}); if memory was short, take fewer --workers; go on "
        "with --resume"
    )


def check_finite(batch: Batch, *, gaps: bool = False) -> None:
    """Refuse infinities, and NaN unless it stands where a sample has no value.

    Raises:
        UserError: an input holds some; says which input, and the first sample's id.
    """
    for number, values in enumerate(batch.inputs):
        # A sum is quick, and finite only where all values are; where it is not, each is looked at.
        if values.is_floating_point() and not values.sum().isfinite():
            sound = ~values.isinf() if gaps else values.isfinite()
            finite = sound.flatten(1).all(dim=1)  # [B]
            if not finite.all():
                worst = int(batch.ids[~finite][0])
                kind = "infinite" if gaps else "NaN or infinite"
                raise UserError(
                    f"data: input {number} holds {kind} values in {int((~finite).sum())} of {len(finite)} "
                    f"samples, first in the one with id {worst}; replace them before training"
                )


def _places(ids: Tensor, seed: int, batch: int, first: int) -> Iterator[Place]:
    """The places of all batches from the first wanted one on."""
    batches = len(ids) // batch
    own = batch // world.size()
    part = slice(world.rank() * own, (world.rank() + 1) * own)
    epoch, number = divmod(first, batches)
    while True:
        order = Draws(seed, epoch, ids).permutation("order")
        for start in range(number * batch, batches * batch, batch):
            rows = order[start : start + batch]
            yield Place(epoch, ids[rows], rows[part], part)
        epoch, number = epoch + 1, 0


class _Endless:
    """What a reader needs of each batch, in order: the sampler of a `DataLoader`."""

    def __init__(self, ids: Tensor, seed: int, batch: int, first: int, cutting: bool) -> None:
        self._places, self._seed, self._cutting = (ids, seed, batch, first), seed, cutting

    def __iter__(self) -> Iterator[Any]:
        for epoch, ids, rows, part in _places(*self._places):
            yield (self._seed, epoch, ids, part, rows) if self._cutting else rows
