"""Limits and fractions of a scope in, thresholds and output bits of its bins out: scalar code that numba compiles.

A key is an integer that orders as the number it stands for: a float's bits with the magnitude of negative numbers
flipped, or the integer itself. Arithmetic runs in the type of the edge fractions, float32 or float64, and nothing is
fused or reordered, so every backend rounds alike.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

FLOAT32, FLOAT64, FLOAT16, BFLOAT16, INTEGER = range(5)


class Form(NamedTuple):
    """How the numbers of a dtype lie in their bits; all but `kind` in the integer type of the bits."""

    kind: int
    mask: Any  # what a negative number flips to become a key: all bits but the sign for floats, none for integers
    shift: Any  # the place of the sign
    lowest: Any  # the key of the lowest finite number
    highest: Any


class Draws(NamedTuple):
    """What was drawn or given for S scopes; an empty array where something was not."""

    u: Any  # edge fractions [S, R-1], float32 or float64
    v: Any  # value fractions [S, R]; empty for the middle of each bin
    bins: Any  # int64 [S]
    applied: Any  # bool [S]
    low: Any  # given limits [S], of the type of u
    high: Any


@intrinsic
def _bits_of(context, number):
    """A float's bits, as the integer of its width."""
    width = types.int32 if number == types.float32 else types.int64

    def generate(target, builder, signature, arguments):
        return builder.bitcast(arguments[0], target.get_value_type(width))

    return width(number), generate


@intrinsic
def _float_of(context, bits, like):
    """The float of type `like` that an int64 holds in its lowest bits."""

    def generate(target, builder, signature, arguments):
        width = target.get_value_type(types.int32 if like == types.float32 else types.int64)
        narrow = arguments[0] if like == types.float64 else builder.trunc(arguments[0], width)
        return builder.bitcast(narrow, target.get_value_type(like))

    return like(types.int64, like), generate


@njit(nogil=True, cache=True)
def order(bits, form):
    """The key of a number's bits, and the bits of a key."""
    return bits ^ ((bits >> form.shift) & form.mask)


@njit(nogil=True, cache=True)
def number(key, form, like):
    """The number of a key, in the type of `like`."""
    if form.kind == INTEGER:
        return type(like)(key)
    bits = np.int64(order(key, form))
    if form.kind == FLOAT16:
        exponent, fraction = (bits >> 10) & 31, bits & 1023
        size = math.ldexp(fraction + (1024.0 if exponent else 0.0), max(exponent, 1) - 25)
        return type(like)(-size if bits & 0x8000 else size)
    return _float_of(bits << 16 if form.kind == BFLOAT16 else bits, like)


@njit(nogil=True, cache=True)
def _snap(value, kind, up):
    """A number of the half type next to value: the one above it, or the nearest with ties to even."""
    digits, lowest = (7, -126) if kind == BFLOAT16 else (10, -14)
    _, exponent = math.frexp(value)
    step = math.ldexp(1.0, max(exponent - 1, lowest) - digits)
    count = value / step  # exact: a power of two
    return (math.ceil(count) if up else np.rint(count)) * step


@njit(nogil=True, cache=True)
def _half_bits(value, kind):
    """The bits of a float32 that the half type can hold."""
    bits = np.int64(_bits_of(value))
    if kind == BFLOAT16:
        return bits >> 16
    sign = np.int64(-0x8000) if bits < 0 else np.int64(0)
    if abs(value) < 2.0**-14:
        return sign | np.int64(abs(value) * 2.0**24)
    return sign | (((bits & 0x7FFFFFFF) >> 13) - (112 << 10))


@njit(nogil=True, cache=True)
def _threshold(edge, form):
    """The smallest key whose number is at or above the edge, and whether there is one."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    if form.kind == INTEGER:
        edge = math.ceil(edge)
        if edge >= np.float64(highest) + 1.0:
            return highest, False
        return (np.int64(edge) if edge > np.float64(lowest) else lowest), True
    if form.kind in (FLOAT32, FLOAT64):
        key = np.int64(order(np.int64(_bits_of(edge)), form))
    else:
        if abs(edge) > 3.4e38:
            return (lowest, True) if edge < 0 else (highest, False)
        edge = type(edge)(_snap(edge, form.kind, True))
        if form.kind == FLOAT16 and abs(edge) > 65504.0:
            return (lowest, True) if edge < 0 else (highest, False)
        key = np.int64(order(_half_bits(edge, form.kind), form))
    if edge == 0:
        return np.int64(-1), True  # the key of -0.0, which is not below 0.0
    return key, key <= highest


@njit(nogil=True, cache=True)
def _code(value, kind, low_end, high_end):
    """The output bits of a bin's value; integers are rounded half to even and clamped."""
    if kind in (FLOAT32, FLOAT64):
        return np.int64(_bits_of(value))
    if kind in (FLOAT16, BFLOAT16):
        return _half_bits(type(value)(_snap(value, kind, False)), kind)
    value = np.rint(value)
    if value >= 2.0**63:
        return high_end
    return min(max(np.int64(value), low_end), high_end) if value > -(2.0**63) else low_end


@njit(nogil=True, cache=True)
def rounded_end(limit, form):
    """What outputs of an integer type are clamped to at a given limit."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    limit = np.rint(limit)
    inside = np.int64(limit) if -(2.0**63) < limit < 2.0**63 else (highest if limit > 0 else lowest)
    return min(max(inside, lowest), highest)


@njit(nogil=True, cache=True)
def codebook(low, high, draws, s, form, low_end, high_end, thresholds, codes, column):
    """Fill thresholds [K, column] and codes [K + 1, column] of scope s; see `reference.quantize_scope`.

    low, high are its limits; low_end, high_end what integer outputs are clamped to.
    """
    u, v = draws.u, draws.v
    real = u.dtype.type
    count = draws.bins[s] if draws.bins.size else u.shape[1] + 1
    quarter = max(abs(low), abs(high)) >= real(np.finfo(u.dtype).max / 4)
    scale, unscale = (real(0.25), real(4.0)) if quarter else (real(1.0), real(1.0))
    low, high = real(low * scale), real(high * scale)
    span = real(high - low)
    top = high if 0 < span < real(1e-3) else real(high + real(1e-6))
    left = low
    reached = True
    for j in range(count):
        edge = real(real(u[s, j] * span) + low) if j < count - 1 else top
        right = edge if edge < top else top
        middle = real(real(left + right) * real(0.5))
        inside = real(left + real(v[s, j] * real(right - left))) if v.size else middle
        code = _code(real(inside * unscale), form.kind, low_end, high_end)
        codes[j, column] = code if reached else codes[j - 1, column]
        left = edge
        if j < count - 1:
            key, exists = _threshold(real(edge * unscale), form)
            reached = reached and exists
            thresholds[j, column] = key if reached else form.highest
    for j in range(count - 1, thresholds.shape[0]):  # thresholds that change nothing
        thresholds[j, column] = form.highest
        codes[j + 1, column] = codes[j, column]
