"""Nothing in, a process set up for long work out; and an error in, that which this process of several is to raise.

The command line calls the former, never an import: it is the user's process.

A training step allocates and frees the same blocks over and over. glibc gives large ones back to the system each time,
and the system clears every page of them anew when they are asked for again.
"""

from __future__ import annotations

import ctypes
import os
import platform

from randquant.errors import ToldElsewhereError, UserError

_M_TRIM_THRESHOLD = -1  # of mallopt(3)
_M_MMAP_MAX = -4
_LARGEST = 2**31 - 1


def keep_memory() -> bool:
    """Have freed memory kept for the next step instead of given back.

    The process holds what it needed at its peak, which a training reaches in its first steps.

    Returns:
        whether it is so now: only with glibc's own allocator, and where the user has not tuned it or brought another.
    """
    tuned = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if platform.libc_ver()[0] != "glibc" or tuned or "LD_PRELOAD" in os.environ:
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST))


def is_first_here() -> bool:
    """Whether this is the first, or the only one, of the processes that torchrun has started on this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def told_once(problem: UserError) -> UserError:
    """An error that all processes of a machine meet alike, as this one is to raise it: the first of them tells it."""
    return problem if is_first_here() else ToldElsewhereError(str(problem))
