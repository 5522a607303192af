"""A contestant in, what only a process of its own can show out: peak memory, and times under a fresh allocator."""

from __future__ import annotations

import ctypes
import multiprocessing
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from batches import Batch
from clock import cpu_seconds, medians
from contestants import CLONE, CONTESTANTS, DRAWS, FRESH
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

_M_MMAP_THRESHOLD = -3  # of mallopt(3)
_MEMORY = Path("/proc/self/clear_refs")


def peaks_can_be_read() -> bool:
    return _MEMORY.exists()


def peak_extra(batch: Batch, name: str, bins: int, threads: int) -> int:
    """Bytes that one call of a contestant needs at its peak, beside its input and the memory that `out=` names.

    Measured in a new process, after one call to warm up: the kernel's high-water mark of resident memory, reset
    before the call, less what was resident then; the largest of three. The allocator gives every block above 64 KB
    back as it is freed, so memory that is used again counts again. On a GPU: the peak of torch's allocator.
    """
    return _in_new_process("forkserver", _peak_extra, batch, name, bins, threads)


def fresh_to_clone(batch: Batch, bins: int, threads: int, rounds: int, *, less_draws: bool) -> float:
    """The time of fresh output, with or without its draws, as a multiple of clone()'s on fresh pages.

    In a new process with the default allocator. What is free goes back to the system between calls, as it does between
    the steps of a training, so that every new tensor's pages are new.
    """
    return _in_new_process("spawn", _fresh_to_clone, batch, bins, threads, rounds, less_draws)


def _in_new_process(method: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    context = multiprocessing.get_context(method)
    if method == "forkserver":  # what takes long to import is imported once, by the server
        context.set_forkserver_preload(["torch", "randquant.quantize.cpu.backend"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()


def _peak_extra(batch: Batch, name: str, bins: int, threads: int) -> int:
    torch.set_num_threads(threads)
    work = batch.work()
    (call,) = (contestant.prepare(work, bins) for contestant in CONTESTANTS if contestant.name == name)
    if work.x.is_cuda:
        call()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return torch.cuda.max_memory_allocated() - before
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, 64 * 1024)
    call()
    libc.malloc_trim(0)
    return max(_peak_of(call) for _ in range(3))  # the kernel counts pages a little late, up to 0.1 MB a core


def _peak_of(call: Callable[[], Tensor]) -> int:
    _MEMORY.write_text("5")  # resets the high-water mark: proc(5)
    before = _resident("VmRSS")
    call()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def _fresh_to_clone(batch: Batch, bins: int, threads: int, rounds: int, less_draws: bool) -> float:
    torch.set_num_threads(threads)
    work = batch.work()
    calls = {c.name: c.prepare(work, bins) for c in CONTESTANTS if c.name in (FRESH, CLONE, DRAWS)}
    for call in calls.values():
        call()
    seconds = medians([calls], _seconds_on_fresh_pages, rounds=rounds)
    return (seconds[FRESH] - less_draws * seconds[DRAWS]) / seconds[CLONE]


def _seconds_on_fresh_pages(call: Callable[[], Tensor]) -> float:
    ctypes.CDLL(None).malloc_trim(0)
    return cpu_seconds(call)
