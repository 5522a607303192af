"""Nothing in, a process set up for long work out. The command line calls it, never an import: it is the user's process.

A training step allocates and frees the same blocks over and over. glibc gives large ones back to the system each time,
and the system clears every page of them anew when they are asked for again.
"""

from __future__ import annotations

import ctypes
import os
import platform

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
