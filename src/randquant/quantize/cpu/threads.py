"""A kernel and a count in, all of it done: threads of our own, as many as torch is allowed, that survive a fork."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from numba.core.compiler_lock import global_compiler_lock

_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def share(kernel: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run kernel(start, stop, *arguments) over 0 to count, on as many threads as torch is allowed."""
    threads = min(torch.get_num_threads(), count)
    bounds = [count * i // threads for i in range(threads + 1)]
    (first, *others) = itertools.pairwise(bounds)
    futures = [_threads().submit(kernel, *part, *arguments) for part in others]
    try:
        kernel(*first, *arguments)
    finally:
        for future in futures:
            future.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1), thread_name_prefix="randquant")
        return _pool


def _before_fork() -> None:
    """Wait until no thread holds a lock that a forked child would find held for good, numba's own among them."""
    _pool_lock.acquire()
    global_compiler_lock.acquire()  # type: ignore[no-untyped-call]


def _after_fork() -> None:
    global_compiler_lock.release()  # type: ignore[no-untyped-call]
    _pool_lock.release()


def _after_fork_in_child() -> None:
    """A child inherits the pool and none of its threads."""
    global _pool
    _pool = None
    _after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
