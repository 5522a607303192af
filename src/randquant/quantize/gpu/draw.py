"""Keys in, the numbers of `draw` out: Philox4x32-10 on the GPU, in one launch where plain torch takes hundreds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from randquant.quantize.gpu import draw_kernels as kernels
from randquant.quantize.gpu.launch import Plan, launch
from randquant.quantize.gpu.numbers import blocks, power_of_2

LONGEST = 256  # run of numbers that a program sorts
_TILE = 1024  # numbers of a program
_WORD, _SIGN = 0xFFFFFFFF, 0x80000000


def fold(keys: Tensor, words: Sequence[int | Tensor]) -> Tensor:
    """Derive a key below each key, and so on word by word, see `draw.fold`: by a tensor and two numbers in one launch.

    Args:
        keys: int64, any shape; a single one on the CPU goes with words on the GPU.
        words: numbers, or int64 tensors that broadcast with keys.
    """
    while words:
        first, *rest = words
        each = first if isinstance(first, Tensor) else None
        numbers = () if isinstance(first, Tensor) else (first,)
        while rest and len(numbers) < 2 and not isinstance(rest[0], Tensor):
            numbers = (*numbers, rest.pop(0))
        keys, words = _below(keys, each, numbers), rest
    return keys


def _below(keys: Tensor, words: Tensor | None, numbers: tuple[int, ...]) -> Tensor:
    """The keys that a word of each, and then up to two numbers, name below keys."""
    root = 0
    parents: Tensor | None = keys
    if words is not None and not keys.ndim and keys.device.type == "cpu":
        root, parents, like = int(keys), None, words
    elif words is not None:
        parents, words = torch.broadcast_tensors(keys, words)  # type: ignore[no-untyped-call]
        like = parents
    else:
        like = keys
    out = torch.empty_like(like, memory_format=torch.contiguous_format)
    parents, words = (one if one is None else one.contiguous() for one in (parents, words))
    count = out.numel()
    constants = ("NUMBERS", len(numbers)), ("BLOCK", _TILE)
    plan = _plan(kernels.fold, out.device, (blocks(count, _TILE),), (count,), constants)
    launch(plan, (out, parents, words), *halves(root, *numbers, *(0,) * (2 - len(numbers))))
    return out


@functools.lru_cache(maxsize=1024)  # purposes are few, and a root holds for an epoch
def halves(*numbers: int) -> tuple[int, ...]:
    """The low and the high half of 64-bit numbers, with signs: kernels look at their bits alone."""
    return tuple((number >> shift & _WORD ^ _SIGN) - _SIGN for number in numbers for shift in (0, 32))


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
    constants = ("SORTED", runs > 0), ("BLOCK_ROWS", block), ("BLOCK_COLUMNS", columns)
    plan = _plan(
        kernels.uniform,
        keys.device,
        (blocks(rows, block), blocks(width, columns)),
        (rows, runs or 1, width),
        constants,
    )
    launch(plan, (keys.contiguous(), out), halves(purpose)[0])
    return out


def edges_and_values(keys: Tensor, channels: int, bins: int, for_edges: int, for_values: int) -> tuple[Tensor, Tensor]:
    """What most quantizers draw, in one launch.

    Args:
        keys: int64 [K].
        channels: quantizers of a key.
        bins: of each, from 2 to LONGEST.
        for_edges, for_values: the purposes, words of 32 bits.

    Returns:
        `uniform` of both: float32 [K x channels, bins - 1], each row ascending, and [K x channels, bins].
    """
    rows = len(keys) * channels
    edges = torch.empty(rows, bins - 1, dtype=torch.float32, device=keys.device)
    values = torch.empty(rows, bins, dtype=torch.float32, device=keys.device)
    if not rows:
        return edges, values
    columns = power_of_2(bins)
    block = _TILE // columns
    constants = ("BLOCK_ROWS", block), ("BLOCK_COLUMNS", columns)
    plan = _plan(kernels.edges_and_values, keys.device, (blocks(rows, block),), (rows, channels, bins), constants)
    first, _, second, _ = halves(for_edges, for_values)
    launch(plan, (keys.contiguous(), edges, values), first, second)
    return edges, values


@functools.lru_cache(maxsize=1024)
def _plan(
    kernel: Any,
    device: torch.device,
    programs: tuple[int, ...],
    numbers: tuple[int, ...],
    constants: tuple[tuple[str, Any], ...],
) -> Plan:
    """The plan of a kernel for arguments that are alike; `device` only tells one card's from another's."""
    return Plan(kernel, programs, numbers, dict(constants), {})
