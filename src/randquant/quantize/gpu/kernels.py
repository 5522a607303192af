"""Scopes and fractions in, quantized scopes out: the programs that triton compiles for the GPU.

A program owns a tile of BLOCK_C scopes of one sample, and walks along their elements BLOCK_N at a time. Arithmetic on
edges and values runs in WORK, and nothing is fused or reordered, so every backend rounds alike.

Constants of all kernels:
    WORK: the type of arithmetic.
    ENDS: the type that smallest and largest elements are kept in, WORK for floats, else int32 or int64.
    LOWEST, HIGHEST: the smallest and largest finite numbers of the type of x.
    INDEX: the integer type of offsets.
"""

# ruff: noqa: N803 (what a kernel is compiled for is written in capitals, as in all of triton)
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def measure(
    x, lows, highs, channels, n, parts, reach, x_b, x_c, x_n,
    ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr,
    INDEX: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Write the smallest and largest finite elements of every part of every scope to lows and highs [S, parts].

    Args:
        x: [B, C, N] with strides x_b, x_c, x_n.
        parts, reach: in how many parts a scope is measured, and the elements of one.
    """
    b, c, part = _place(channels, parts, INDEX, BLOCK_C)
    exists = c < channels
    least, most = _finite_ends(
        x + b * x_b, c * x_c, exists, part * reach, n, reach, x_n, ENDS, LOWEST, HIGHEST, BLOCK_C, BLOCK_N
    )
    place = (b * channels + c).to(tl.int64) * parts + part
    tl.store(lows + place, least, mask=exists)
    tl.store(highs + place, most, mask=exists)


@triton.jit(do_not_specialize=["most_bins"])
def quantize(
    x, out, edges, values, applied, lows, highs, channels, n, parts, reach,
    x_b, x_c, x_n, out_b, out_c, out_n, most_bins,
    WORK: tl.constexpr, QUARTER: tl.constexpr, ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr,
    INDEX: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Write the quantized x to out, which may be x; see `reference.quantize_scope`.

    Args:
        x, out: [B, C, N] with strides x_b, x_c, x_n and out_b, out_c, out_n.
        edges, values, applied: the fields of `Fractions`, rows of most_bins - 1 and of most_bins side by side; scopes
            of fewer bins have edges at inf.
        lows, highs: [S] of type ENDS where they were measured, of type WORK where they were given; None measures
            them here, which takes parts = 1.
        parts, reach: how many programs share a scope, and the elements of one.
        QUARTER: a quarter of the largest number of WORK.
    """
    kind: tl.constexpr = x.dtype.element_ty
    b, c, part = _place(channels, parts, INDEX, BLOCK_C)
    exists = c < channels
    scope = (b * channels + c).to(tl.int64)
    first = part * reach
    x += b * x_b
    if lows is None:
        least, most = _finite_ends(x, c * x_c, exists, first, n, reach, x_n, ENDS, LOWEST, HIGHEST, BLOCK_C, BLOCK_N)
        low, high = least.to(WORK), most.to(WORK)
    else:
        least = tl.load(lows + scope, mask=exists, other=0)
        most = tl.load(highs + scope, mask=exists, other=0)
        low, high = least.to(WORK), most.to(WORK)
        if kind.is_int() and lows.dtype.element_ty.is_floating():
            least, most = _whole(low, ENDS, LOWEST, HIGHEST), _whole(high, ENDS, LOWEST, HIGHEST)

    huge = tl.maximum(tl.abs(low), tl.abs(high)) >= QUARTER
    low, high = tl.where(huge, low * 0.25, low), tl.where(huge, high * 0.25, high)
    span = high - low
    top = high if kind.is_int() else tl.where((span > 0) & (span < 1e-3), high, high + 1e-6)

    changed = exists if applied is None else tl.load(applied + scope, mask=exists, other=0) != 0
    along = tl.arange(0, BLOCK_N)[None, :].to(INDEX)
    source = x + (c * x_c)[:, None] + along * x_n
    target = out + b * out_b + (c * out_c)[:, None] + along * out_n
    for start in range(first, tl.minimum(first + reach, n), BLOCK_N):
        inside = exists[:, None] & (start + along < n)
        number = tl.load(source + start * x_n, mask=inside, other=0)
        if kind.is_int():
            number = number.to(ENDS)  # choosing among bytes would pack and unpack them at every bin
        work = number.to(WORK)
        chosen = number
        # Edges and values are computed anew for every tile: there may be any number of bins, and what a loop picks by
        # its counter cannot stay in registers.
        left = low
        begin = tl.full([BLOCK_C], float("-inf"), WORK)
        for j in range(most_bins):
            drawn = (exists & (j < most_bins - 1)) != 0  # triton 3.9's interpreter makes 32 bits of the condition
            u = tl.load(edges + scope * (most_bins - 1) + j, mask=drawn, other=float("inf")).to(WORK)
            edge = tl.where(u < float("inf"), u * span + low, float("inf"))
            right = tl.minimum(edge, top)
            if values is None:
                value = (left + right) * 0.5
            else:
                v = tl.load(values + scope * most_bins + j, mask=exists, other=0).to(WORK)
                value = left + v * (right - left)
            code = _code(tl.where(huge, value * 4, value), least, most, kind, ENDS, LOWEST, HIGHEST)
            chosen = tl.where(work >= begin[:, None], code[:, None], chosen)
            left = edge
            begin = tl.where(huge, edge * 4, edge)
        result = tl.where(changed[:, None] & _finite(work), chosen, number)
        tl.store(target + start * out_n, result.to(kind), mask=inside)


@triton.jit(do_not_specialize=["most_bins"])
def range_gradient(
    x, gradient, out, edges, values, applied, channels, n,
    x_b, x_c, x_n, gradient_b, gradient_c, gradient_n, out_b, out_c, out_n, most_bins,
    WORK: tl.constexpr, QUARTER: tl.constexpr, ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr,
    INDEX: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Write to out what flows back to x through the ranges that were measured; see `gradient.Quantize`.

    Args:
        x, gradient, out: [B, C, N] with their strides: the input, the gradient of its quantization, that of itself.
        edges, values, applied, most_bins: as in `quantize`.
    """
    b, c, _ = _place(channels, 1, INDEX, BLOCK_C)
    exists = c < channels
    scope = (b * channels + c).to(tl.int64)
    x += b * x_b
    least, most = _finite_ends(x, c * x_c, exists, 0, n, n, x_n, ENDS, LOWEST, HIGHEST, BLOCK_C, BLOCK_N)
    huge = tl.maximum(tl.abs(least), tl.abs(most)) >= QUARTER
    low, high = tl.where(huge, least * 0.25, least), tl.where(huge, most * 0.25, most)
    span = high - low
    changed = exists if applied is None else tl.load(applied + scope, mask=exists, other=0) != 0
    along = tl.arange(0, BLOCK_N)[None, :].to(INDEX)
    source = x + (c * x_c)[:, None] + along * x_n
    flow = gradient + b * gradient_b + (c * gradient_c)[:, None] + along * gradient_n
    target = out + b * out_b + (c * out_c)[:, None] + along * out_n

    total = tl.zeros([BLOCK_C], WORK)
    to_high = tl.zeros([BLOCK_C], WORK)
    lowest = tl.zeros([BLOCK_C], tl.int32)  # elements that set the range
    highest = tl.zeros([BLOCK_C], tl.int32)
    for start in range(0, n, BLOCK_N):
        inside = exists[:, None] & (start + along < n)
        work = tl.load(source + start * x_n, mask=inside, other=float("inf")).to(WORK)
        g = tl.load(flow + start * gradient_n, mask=inside, other=0).to(WORK)
        g = tl.where(changed[:, None] & _finite(work), g, 0)
        weight = tl.zeros([BLOCK_C, BLOCK_N], WORK)
        left = tl.zeros([BLOCK_C], WORK)
        begin = tl.full([BLOCK_C], float("-inf"), WORK)
        for j in range(most_bins):
            drawn = (exists & (j < most_bins - 1)) != 0
            u = tl.load(edges + scope * (most_bins - 1) + j, mask=drawn, other=float("inf")).to(WORK)
            right = tl.minimum(u, 1.0)
            if values is None:
                place = (left + right) * 0.5
            else:
                v = tl.load(values + scope * most_bins + j, mask=exists, other=0).to(WORK)
                place = left + v * (right - left)
            weight = tl.where(work >= begin[:, None], place[:, None], weight)
            edge = tl.where(u < float("inf"), u * span + low, float("inf"))
            left = right
            begin = tl.where(huge, edge * 4, edge)
        total += tl.sum(g, axis=1)
        to_high += tl.sum(g * weight, axis=1)
        lowest += tl.sum((work == least[:, None]).to(tl.int32), axis=1)
        highest += tl.sum((work == most[:, None]).to(tl.int32), axis=1)
    for_low = (total - to_high) / tl.maximum(lowest, 1)
    for_high = to_high / tl.maximum(highest, 1)
    for start in range(0, n, BLOCK_N):
        inside = exists[:, None] & (start + along < n)
        work = tl.load(source + start * x_n, mask=inside, other=float("inf")).to(WORK)
        g = tl.load(flow + start * gradient_n, mask=inside, other=0).to(WORK)
        quantized = changed[:, None] & _finite(work)
        passed = tl.where(quantized, 0, g)
        passed += tl.where(quantized & (work == least[:, None]), for_low[:, None], 0)
        passed += tl.where(quantized & (work == most[:, None]), for_high[:, None], 0)
        tl.store(target + start * out_n, passed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _place(channels, parts, INDEX: tl.constexpr, BLOCK_C: tl.constexpr):
    """The sample, the channels [BLOCK_C] and the part of them that a program owns."""
    program = tl.program_id(0)
    blocks = tl.cdiv(channels, BLOCK_C)
    part, block, b = program % parts, program // parts % blocks, program // parts // blocks
    c = block.to(INDEX) * BLOCK_C + tl.arange(0, BLOCK_C).to(INDEX)
    return b.to(INDEX), c, part.to(INDEX)


@triton.jit
def _finite(number):
    return tl.abs(number) < float("inf")


@triton.jit
def _finite_ends(
    x, across, exists, first, n, reach, stride,
    ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """The smallest and largest finite elements [BLOCK_C] of a part; inf and -inf where there is none."""
    least = tl.full([BLOCK_C, BLOCK_N], float("inf") if ENDS.is_floating() else HIGHEST, ENDS)
    most = tl.full([BLOCK_C, BLOCK_N], float("-inf") if ENDS.is_floating() else LOWEST, ENDS)
    along = tl.arange(0, BLOCK_N)[None, :].to(across.dtype)
    source = x + across[:, None] + along * stride
    for start in range(first, tl.minimum(first + reach, n), BLOCK_N):
        counted = exists[:, None] & (start + along < n)
        number = tl.load(source + start * stride, mask=counted, other=0).to(ENDS)
        if ENDS.is_floating():
            counted &= _finite(number)
        least = tl.minimum(least, tl.where(counted, number, least))
        most = tl.maximum(most, tl.where(counted, number, most))
    return tl.min(least, axis=1), tl.max(most, axis=1)


@triton.jit
def _code(
    value, least, most,
    kind: tl.constexpr, ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr,
):  # fmt: skip
    """A bin's value as an element of x; as one of ENDS, half to even, from least to most, where x holds integers."""
    if kind.is_int():
        code = tl.minimum(tl.maximum(_whole(value, ENDS, LOWEST, HIGHEST), least), most)
    else:
        value = tl.minimum(tl.maximum(value, LOWEST), HIGHEST)  # given limits may lie beyond the type
        code = _rounded_to_bfloat16(value) if kind == tl.bfloat16 else value.to(kind)
    return code


@triton.jit
def _rounded_to_bfloat16(value):
    """Half to even, in the bits: triton's interpreter would cut them off."""
    bits = value.to(tl.uint32, bitcast=True)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return bits.to(tl.uint16).to(tl.bfloat16, bitcast=True)


@triton.jit
def _whole(value, ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr):
    """Numbers of WORK to integers from LOWEST to HIGHEST, half to even."""
    below: tl.constexpr = HIGHEST - 1023 if HIGHEST > 2**53 else HIGHEST  # 2^63 - 1 is no float64
    floor = tl.floor(value)
    rest = value - floor
    odd = floor != tl.floor(floor * 0.5) * 2
    whole = tl.where((rest > 0.5) | ((rest == 0.5) & odd), floor + 1, floor)
    inside = tl.minimum(tl.maximum(whole, LOWEST), below).to(ENDS)
    return tl.where(whole > below, HIGHEST, inside)
