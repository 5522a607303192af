"""Keys in, the numbers of `draw` out: Philox4x32-10 compiled for the CPU.

The kernels stand in this file alone: numba's cache on disk notices changes of no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from randquant.quantize.cpu.threads import share

FEW = 1 << 14  # numbers that one thread draws sooner than it wakes another
SHORT = 8  # numbers that are ranked sooner than numpy sorts them

_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_DROPPED = np.uint64(8)  # bits: a float32 holds 24
_FIRST, _SECOND = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_FIRST, _WEYL_SECOND = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_NONE, _ONE = np.uint64(0), np.uint64(1)
_STEP = np.float32(2.0**-24)


def fold(keys: Tensor, words: Sequence[int | Tensor]) -> Tensor:
    """Derive a key below each key, and so on word by word; see `draw.fold`.

    Args:
        keys: int64, any shape.
        words: numbers, or int64 tensors that broadcast with keys.
    """
    for word in words:
        if isinstance(word, Tensor):
            keys, word = (one.contiguous() for one in torch.broadcast_tensors(keys, word))  # type: ignore[no-untyped-call]
            named = _bits(word)
        else:
            named = np.array([word], dtype=np.int64).view(np.uint64)
        out = torch.empty(keys.shape, dtype=torch.int64, device="cpu")
        _derive(_bits(keys), named, _bits(out))
        keys = out
    return keys


def uniform(keys: Tensor, count: int, purpose: int, runs: int = 0) -> Tensor:
    """Numbers of each key; see `draw.uniform`.

    Args:
        keys: int64 [K].
        count: how many a key.
        purpose: a word of 32 bits.
        runs: how many ascending runs they are cut into; 0 leaves them in order.

    Returns:
        float32 [K, count].
    """
    out = torch.empty(len(keys), -(-count // 4), 4, dtype=torch.float32, device="cpu")
    length = count // runs if runs else 0
    arguments = _bits(keys), np.uint64(purpose), out.numpy(), runs, length if length <= SHORT else 0
    if out.numel() > FEW:
        share(_draw, len(keys), *arguments)
    else:
        _draw(0, len(keys), *arguments)
    numbers = out.view(len(keys), out.shape[1] * 4)[:, :count]
    if length > SHORT:
        numbers.numpy()[:] = np.sort(numbers.numpy().reshape(len(keys), runs, length)).reshape(len(keys), count)
    return numbers


def _bits(numbers: Tensor) -> NDArray[np.uint64]:
    return numbers.reshape(-1).numpy().view(np.uint64)


@njit(nogil=True, cache=True)
def _philox(key: Any, c0: Any, c1: Any, c3: Any) -> Any:
    """Encrypt the counter (c0, c1, 0, c3) under a 64-bit key: four words of 32 bits."""
    k0, k1, c2 = key & _WORD, key >> _HALF, _NONE
    for _ in range(10):
        p0, p1 = c0 * _FIRST, c2 * _SECOND
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _WORD, (p0 >> _HALF) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _WEYL_FIRST) & _WORD, (k1 + _WEYL_SECOND) & _WORD
    return c0, c1, c2, c3


@njit(nogil=True, cache=True)
def _derive(keys: NDArray[Any], words: NDArray[Any], out: NDArray[Any]) -> None:
    """Write the key that the one word, or its own, names below each key."""
    for i in range(len(keys)):
        word = words[i] if len(words) > 1 else words[0]
        c0, c1, _, _ = _philox(keys[i], word & _WORD, word >> _HALF, _ONE)
        out[i] = c1 << _HALF | c0


@njit(nogil=True, cache=True)
def _draw(start: int, stop: int, keys: NDArray[Any], purpose: Any, out: NDArray[Any], runs: int, length: int) -> None:
    """Write the numbers of the keys from start to stop to out [K, blocks, 4], and sort runs of some length."""
    taken = np.empty(SHORT, np.float32)
    for row in range(start, stop):
        for block in range(out.shape[1]):
            words = _philox(keys[row], np.uint64(block), purpose, _NONE)
            out[row, block, 0] = np.float32(words[0] >> _DROPPED) * _STEP
            out[row, block, 1] = np.float32(words[1] >> _DROPPED) * _STEP
            out[row, block, 2] = np.float32(words[2] >> _DROPPED) * _STEP
            out[row, block, 3] = np.float32(words[3] >> _DROPPED) * _STEP
        if length > 1:
            numbers = out[row].ravel()
            for first in range(0, runs * length, length):
                taken[:length] = numbers[first : first + length]
                for i in range(length):
                    rank = 0  # counted without a branch, which random numbers would mispredict
                    for j in range(length):
                        rank += (taken[j] < taken[i]) | ((taken[j] == taken[i]) & (j < i))
                    numbers[first + rank] = taken[i]
