"""Scopes and the gradient of their quantization in, their own gradient out: the range's, compiled for the CPU.

Numbers have the type of arithmetic, float32 or float64, and nothing is fused or reordered, so that an element is
counted to the bin that it was quantized in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from randquant.quantize.cpu.threads import share
from randquant.quantize.draw import Fractions
from randquant.quantize.scope import arithmetic

TILE = 16  # scopes that are read together where they lie side by side: a line of memory


def range_gradient(x: Tensor, gradient: Tensor, fractions: Fractions) -> Tensor:
    """What flows back to x [B, C, N] through its measured ranges, from the gradient of its quantization."""
    work = arithmetic(x.dtype)
    out = torch.empty_like(x, dtype=work)
    if x.numel() == 0:
        return out.to(x.dtype)
    inside, applied = fractions.values, fractions.applied
    inside = torch.full((1, 1), 0.5, device="cpu") if inside is None else inside
    applied = torch.empty(0, dtype=torch.bool, device="cpu") if applied is None else applied
    numbers = (x.detach().to(work), gradient.to(work), out, fractions.edges.to(work), inside.to(work), applied)
    width = min(TILE, x.shape[1]) if x.stride(1) < x.stride(2) else 1
    tiles = len(x) * -(-x.shape[1] // width)
    share(_range_gradient, tiles, width, *(one.numpy() for one in numbers), torch.finfo(work).max / 4)
    return out.to(x.dtype)


@njit(nogil=True, cache=True)
def _range_gradient(
    start: int, stop: int, width: int,
    x: Any, gradient: Any, out: Any, edges: Any, inside: Any, applied: Any, quarter: float,
) -> None:  # fmt: skip
    """Tiles `start` to `stop` of x, gradient, out [B, C, N], each of up to `width` scopes of a sample.

    Args:
        edges, inside: the fields `edges` [S, R-1] and `values` [S, R] of `Fractions`; or one number inside, the
            place that all values have in their bins.
        applied: bool [S]; empty where all are.
        quarter: a quarter of the largest number of the type.
    """
    channels, n = x.shape[1:]
    rows, flows = np.empty((width, n), x.dtype), np.empty((width, n), x.dtype)
    edge, place = np.empty(edges.shape[1], x.dtype), np.empty(edges.shape[1] + 1, x.dtype)
    weight = np.empty(n, x.dtype)
    tiles = (channels + width - 1) // width
    for tile in range(start, stop):
        b, first = tile // tiles, tile % tiles * width
        size = min(width, channels - first)
        _copy(x[b, first : first + size], rows)
        _copy(gradient[b, first : first + size], flows)
        for c in range(size):
            s = b * channels + first + c
            least, most = _finite_span(rows[c])
            if least <= most and (not applied.size or applied[s]):  # otherwise nothing was quantized
                _place(least, most, edges[s], inside[s % len(inside)], quarter, edge, place)
                _through_range(rows[c], flows[c], least, most, edge, place, weight)
        _copy(flows[:size], out[b, first : first + size])


@njit(nogil=True, cache=True)
def _copy(source: Any, target: Any) -> None:
    """Copy rows [C, N] to the first rows of a target, as many side by side as a line of memory holds."""
    size, n = source.shape
    if size == TILE:  # known to the compiler, which then reads and writes whole lines
        for i in range(n):
            for c in range(TILE):
                target[c, i] = source[c, i]
    else:
        target[:size] = source


@njit(nogil=True, cache=True)
def _finite_span(row: Any) -> Any:
    """The smallest and the largest finite number; inf and -inf where there is none."""
    infinite = row.dtype.type(np.inf)
    least, most = infinite, -infinite
    for number in row:
        finite = abs(number) < infinite
        least = number if finite and number < least else least
        most = number if finite and number > most else most
    return least, most


@njit(nogil=True, cache=True)
def _place(least: Any, most: Any, edges: Any, inside: Any, quarter: float, edge: Any, place: Any) -> None:
    """Write a scope's edges [R-1], and where each bin's value [R] lies between its low, 0, and its high, 1."""
    kind = edges.dtype.type
    scale = kind(0.25) if max(abs(least), abs(most)) >= quarter else kind(1)
    low = least * scale
    span = most * scale - low
    left = kind(0)
    for j in range(len(place)):
        u = edges[j] if j < len(edges) else kind(np.inf)
        right = min(u, kind(1))
        place[j] = left + inside[j % len(inside)] * (right - left)
        if j < len(edges):
            edge[j] = (u * span + low) / scale if u < kind(np.inf) else u
        left = right


@njit(nogil=True, cache=True)
def _through_range(row: Any, flow: Any, least: Any, most: Any, edge: Any, place: Any, weight: Any) -> None:
    """Turn the gradient of a scope's quantization, flow [N], into that of its elements."""
    kind = row.dtype.type
    zero, infinite = kind(0), kind(np.inf)
    weight[:] = place[0]
    for j in range(len(edge)):
        begin, above = edge[j], place[j + 1]
        for i in range(len(row)):
            weight[i] = above if row[i] >= begin else weight[i]
    total, to_high = 0.0, 0.0
    lowest, highest = 0, 0  # elements that set the range
    for i in range(len(row)):
        g = flow[i] if abs(row[i]) < infinite else zero
        total += g
        to_high += g * weight[i]
        lowest += row[i] == least
        highest += row[i] == most
    for_low, for_high = kind((total - to_high) / lowest), kind(to_high / highest)
    for i in range(len(row)):
        passed = zero if abs(row[i]) < infinite else flow[i]
        passed += for_low if row[i] == least else zero
        passed += for_high if row[i] == most else zero
        flow[i] = passed
