"""Shape and strides of scopes in, how the programs of a GPU share their elements out."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

from randquant.quantize.gpu.numbers import blocks, power_of_2
from randquant.quantize.scope import arithmetic

WARP = 1024  # elements that a warp holds in its registers; half as many if arithmetic is in float64
WARPS = 8  # of a program, at most
SCOPES = 256  # of a program, at most: each takes registers of its own
LINE = 128  # bytes that memory delivers together
WIDE = 2**30  # elements from which on offsets have 64 bits; whatever begins below it ends below 2^31

Strides = tuple[int, ...]


@dataclass(frozen=True)
class Walk:
    """How programs share the elements of scopes [B, C, N].

    Attributes:
        shape: B, C, N; of [1, B x C, N], where strides let tiles hold scopes of several samples.
        strides: of each tensor, three.
        across, along: scopes of a tile, and elements of each in it.
        parts, reach: programs that share a scope, and the elements of it that each of them walks along.
        programs, warps: how many there are, and of each.
        offsets: the integer type that reaches all elements.
    """

    shape: tuple[int, int, int]
    strides: tuple[Strides, ...]
    across: int
    along: int
    parts: int
    reach: int
    programs: int
    warps: int
    offsets: torch.dtype


def walk(
    shape: tuple[int, ...], strides: tuple[Strides, ...], dtype: torch.dtype, device: torch.device, shared: bool
) -> Walk:
    """The walk over tensors [B, C, N].

    Args:
        shape, strides: of all of them, that which is read first.
        dtype: of that one.
        device: where they are.
        shared: several programs may share a scope.
    """
    samples, channels, n = shape
    if all(channels == 1 or b == channels * c for b, c, _ in strides):
        strides = tuple((0, b if channels == 1 else c, step) for b, c, step in strides)
        samples, channels = 1, samples * channels
    warp = WARP // 2 if arithmetic(dtype) == torch.float64 else WARP
    columns = strides[0][1] == 1 and strides[0][2] != 1
    line = min(LINE // dtype.itemsize, power_of_2(channels)) if columns else 1
    along = min(power_of_2(n), warp * WARPS // line)
    across = min(power_of_2(channels), max(line, warp // along), SCOPES)
    programs = samples * blocks(channels, across)

    tiles = blocks(n, along)
    processors = _processors(device)
    parts = 1 if not shared or programs >= 2 * processors else min(tiles, blocks(4 * processors, programs))
    reach = blocks(tiles, parts) * along
    parts = blocks(n, reach)

    extents = [sum(size * stride for size, stride in zip((samples, channels, n), one, strict=True)) for one in strides]
    offsets = torch.int32 if max(extents) < WIDE else torch.int64
    warps = max(1, across * along // warp)
    return Walk((samples, channels, n), strides, across, along, parts, reach, programs * parts, warps, offsets)


@functools.cache
def _processors(device: torch.device) -> int:
    """The multiprocessors of a GPU; one for triton's interpreter, which runs on the CPU."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
