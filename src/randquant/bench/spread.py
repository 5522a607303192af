"""Work and its pieces in, outcomes out as they come: in this process, or in several on this machine.

Whichever process is free takes the next piece, so all end at about the same time. Each loads torch once, computes with
one thread, and keeps what it has opened.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import torch

from randquant.data.reading import end_with_reader

Piece = TypeVar("Piece")
Outcome = TypeVar("Outcome")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def spread(work: Callable[[Piece], Outcome], pieces: Sequence[Piece], processes: int) -> Iterator[Outcome]:
    """Do all pieces; with one process in order and in this one.

    Args:
        work: a function of a module, which other processes can find.
        pieces: what it is called with, one after another; they can be pickled.
        processes: how many at a time.
    """
    if processes == 1 or len(pieces) < 2:
        yield from map(work, pieces)
        return
    for name in _THREADS:
        os.environ.setdefault(name, "1")  # libraries read it when they are loaded
    context = multiprocessing.get_context("spawn")  # a GPU and threads survive no fork
    with ProcessPoolExecutor(min(processes, len(pieces)), context, _begin) as pool:
        try:
            for done in as_completed([pool.submit(work, piece) for piece in pieces]):
                yield done.result()
        except BaseException:  # what was finished is written down; nobody waits for the rest
            for worker in multiprocessing.active_children():
                worker.kill()
            raise


def _begin() -> None:
    """A process's first act."""
    end_with_reader(0)
    torch.set_num_threads(1)
