"""Keys in, the numbers of `draw` out: Philox4x32-10 on the GPU, in one launch where plain torch takes hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import gpu_draw_kernels as kernels
from .gpu_numbers import blocks, power_of_2

LONGEST = 256  # run of numbers that a program sorts
_TILE = 1024  # numbers of a program
_WORD = 0xFFFFFFFF


def fold(keys: Tensor, words: Sequence[int | Tensor]) -> Tensor:
    """Derive a key below each key, and so on word by word, in one launch for every two numbers; see `draw.fold`.

    Args:
        keys: int64, any shape.
        words: numbers, or int64 tensors that broadcast with keys.
    """
    while words:
        first, second = words[0], words[1] if len(words) > 1 else None
        if isinstance(first, Tensor):
            keys, words = _below_each(keys, first), words[1:]
        elif second is None or isinstance(second, Tensor):
            keys, words = _below_all(keys, first), words[1:]
        else:
            keys, words = _below_all(keys, first, second), words[2:]
    return keys


def _below_all(keys: Tensor, *numbers: int) -> Tensor:
    """The keys that one or two numbers name below every key."""
    out = torch.empty_like(keys, memory_format=torch.contiguous_format)
    first, last = numbers[0], numbers[-1]
    halves = first & _WORD, first >> 32 & _WORD, last & _WORD, last >> 32 & _WORD
    count = out.numel()
    grid = (blocks(count, _TILE),)
    _launch(kernels.fold, grid, keys.contiguous(), None, out, *halves, count, TWICE=len(numbers) == 2, BLOCK=_TILE)
    return out


def _below_each(keys: Tensor, words: Tensor) -> Tensor:
    """The key that its own word names below each key."""
    keys, words = torch.broadcast_tensors(keys, words)  # type: ignore[no-untyped-call]
    out = torch.empty(keys.shape, dtype=torch.int64, device=keys.device)
    count = out.numel()
    grid = (blocks(count, _TILE),)
    _launch(kernels.fold, grid, keys.contiguous(), words.contiguous(), out, *(0,) * 4, count, TWICE=False, BLOCK=_TILE)
    return out


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
    out = torch.empty(len(keys), count, dtype=torch.float32, device=keys.device)
    if not out.numel():
        return out
    width = count // runs if runs else count
    if width > LONGEST and runs:
        return uniform(keys, count, purpose).view(-1, width).sort().values.view(-1, count)
    rows = len(keys) * (runs or 1)
    columns = min(power_of_2(width), _TILE)
    block = _TILE // columns
    _launch(
        kernels.uniform,
        (blocks(rows, block), blocks(width, columns)),
        *(keys.contiguous(), out, purpose, rows, runs or 1, width),
        SORTED=runs > 0,
        BLOCK_ROWS=block,
        BLOCK_COLUMNS=columns,
    )
    return out


def _launch(kernel: Any, grid: tuple[int, ...], keys: Tensor, *arguments: Any, **constants: Any) -> None:
    """Run a kernel on the device of its first argument."""
    with torch.cuda.device_of(keys):  # type: ignore[no-untyped-call]
        kernel[grid](keys, *arguments, **constants)
