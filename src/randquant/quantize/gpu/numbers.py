"""Whole numbers in, those that a launch is planned with out.

triton has both, made to run inside kernels too: there a call costs as much as a launch.
"""

from __future__ import annotations


def blocks(count: int, size: int) -> int:
    """How many blocks of a size hold so many."""
    return -(-count // size)


def power_of_2(number: int) -> int:
    """The smallest power of 2 that is not below a number of at least 1."""
    return 1 << (number - 1).bit_length()
