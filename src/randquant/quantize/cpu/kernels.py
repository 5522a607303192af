"""Bits of scopes and what was drawn in, bits of quantized scopes out: all that numba compiles.

Arrays of numbers hold their bits, as integers of the same width. A key is an integer that orders as the number it
stands for: a float's bits with the magnitude of negative numbers flipped, or the integer itself. Arithmetic runs in
the type of the edge fractions, float32 or float64, and nothing is fused or reordered, so every backend rounds alike.

Numba's cache on disk notices changes of the file a function stands in and of no other, so this file is not divided.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

FLOAT32, FLOAT64, FLOAT16, BFLOAT16, INTEGER = range(5)
GROUP = 8  # thresholds that are compared in one go; a pass over a block takes two groups
BLOCK = 2048  # elements of a block: the steps of it fit the first-level cache
TILE = 256  # columns of a tile: wide enough that memory is read in streams, and known to the compiler


class Form(NamedTuple):
    """How the numbers of a dtype lie in their bits; all but `kind` in the integer type of the bits."""

    kind: int
    mask: Any  # what a negative number flips to become a key: all bits but the sign for floats, none for integers
    lowest: Any  # the key of the lowest finite number
    highest: Any


class Drawn(NamedTuple):
    """What was drawn or given for S scopes; an empty array where something was not."""

    u: Any  # edge fractions [S, R-1], float32 or float64
    v: Any  # value fractions [S, R]; empty for the middle of each bin
    bins: Any  # int64 [S]
    applied: Any  # bool [S]
    low: Any  # given limits [S], of the type of u
    high: Any
    placed: bool  # u and v are no fractions of the range, but edges and values themselves


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


@intrinsic
def _wide(context):
    """Let the loops of the function this stands in use the widest vectors there are; LLVM halves them on Intel."""

    def generate(target, builder, signature, arguments):
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite's own `add` knows no widths
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def _at(context, values, start):
    """A pointer to element `start` of an array, or of what a pointer points to.

    It keeps no array alive: take it in a function that was given the array, or in a loop that goes on using it. A
    slice would be counted, which costs more than a short row.
    """

    def generate(target, builder, signature, arguments):
        first, place = arguments
        if isinstance(values, types.Array):
            first = target.make_array(values)(target, builder, first).data
        return builder.gep(first, [place])

    return types.CPointer(values.dtype)(values, types.int64), generate


@njit(nogil=True, cache=True)
def _order(bits, form):
    """The key of a number's bits, and the bits of a key."""
    return bits ^ (form.mask if bits < 0 else type(bits)(0))


@njit(nogil=True, cache=True)
def _number(key, form, like):
    """The number of a key, in the type of `like`."""
    if form.kind == INTEGER:
        return type(like)(key)
    bits = np.int64(_order(key, form))
    if form.kind == FLOAT16:
        exponent, fraction = (bits >> 10) & 31, bits & 1023
        size = math.ldexp(fraction + (1024.0 if exponent else 0.0), max(exponent, 1) - 25)
        return type(like)(-size if bits & 0x8000 else size)
    return _float_of(bits << 16 if form.kind == BFLOAT16 else bits, like)


@njit(nogil=True, cache=True)
def _power(exponent):
    """2.0 to the exponent, a normal float64."""
    return _float_of((np.int64(exponent) + 1023) << 52, np.float64(0))


@njit(nogil=True, cache=True)
def _snap(value, kind, up):
    """A number of the half type next to a float32: the one above it, or the nearest with ties to even."""
    digits, lowest = (7, -126) if kind == BFLOAT16 else (10, -14)
    exponent = max(((np.int64(_bits_of(value)) >> 23) & 255) - 127, lowest) - digits
    count = value * _power(-exponent)  # exact: a power of two
    return (np.ceil(count) if up else np.rint(count)) * _power(exponent)


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
    """The smallest key of a half type or of integers at or above the edge, and whether there is one."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    if form.kind == INTEGER:
        edge = np.ceil(edge)
        if edge > np.float64(highest):
            return highest, False
        if edge <= np.float64(lowest):
            return lowest, True
        if abs(edge) <= 2.0**53:
            return np.int64(edge), True
        below = np.nextafter(edge, -np.inf)  # several integers round to one float64: the first that rounds to the edge
        key = np.int64(below) + np.int64((edge - below) / 2)
        return (key if np.float64(key) >= edge else key + 1), True
    if abs(edge) > 3.4e38:
        return (lowest, True) if edge < 0 else (highest, False)
    edge = type(edge)(_snap(edge, form.kind, True))
    if form.kind == FLOAT16 and abs(edge) > 65504.0:
        return (lowest, True) if edge < 0 else (highest, False)
    if edge == 0:
        return np.int64(-1), True  # the key of -0.0, which is not below 0.0
    key = np.int64(_order(_half_bits(edge, form.kind), form))
    return key, key <= highest


@njit(nogil=True, cache=True)
def _code(value, kind, low_end, high_end):
    """The bits of a bin's value in a half type, or as an integer, rounded half to even and clamped."""
    if kind in (FLOAT16, BFLOAT16):
        return _half_bits(type(value)(_snap(value, kind, False)), kind)
    value = np.rint(value)
    if value >= 2.0**63:
        return high_end
    return min(max(np.int64(value), low_end), high_end) if value > -(2.0**63) else low_end


@njit(nogil=True, cache=True)
def _rounded_end(limit, form):
    """What outputs of an integer type are clamped to at a given limit."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    limit = np.rint(limit)
    inside = np.int64(limit) if -(2.0**63) < limit < 2.0**63 else (highest if limit > 0 else lowest)
    return min(max(inside, lowest), highest)


@njit(nogil=True, cache=True)
def _codebook(low, high, u, v, placed, count, s, form, low_end, high_end, thresholds, codes, column, step):
    """Fill a column of thresholds [K] and codes [K + 1] of scope s, `step` apart; see `reference.quantize_scope`.

    low, high are its limits; low_end, high_end what integer outputs are clamped to; `placed` says what u and v are.
    """
    real, kind_of = u.dtype.type, codes.dtype.type
    edges, values, t, c = _at(u, s * u.shape[1]), _at(v, s * v.shape[1]), _at(thresholds, column), _at(codes, column)
    # Given limits may lie beyond the type; its values do not.
    least, most = _number(np.int64(form.lowest), form, low), _number(np.int64(form.highest), form, low)
    quarter = max(abs(low), abs(high)) >= real(np.finfo(u.dtype).max / 4)
    scale, unscale = (real(0.25), real(4.0)) if quarter else (real(1.0), real(1.0))
    low, high = real(low * scale), real(high * scale)
    span = real(high - low)
    exact = form.kind == INTEGER or 0 < span < real(1e-3)
    begin, last = low, high if exact else real(high + real(1e-6))
    reached = True  # whether a number of the type lies in the bin
    for j in range(count):
        if placed:
            value, edge = values[j], edges[j] if j < count - 1 else last
        else:
            end = real(real(edges[j] * span) + low) if j < count - 1 else last
            inside = (
                real(begin + real(values[j] * real(end - begin))) if v.size else real(real(begin + end) * real(0.5))
            )
            begin = end
            value, edge = real(inside * unscale), real(end * unscale)
        if form.kind != INTEGER:
            value = min(max(value, least), most)
        if form.kind in (FLOAT32, FLOAT64):
            c[j * step] = kind_of(_bits_of(value))
            key = kind_of(_order(kind_of(_bits_of(edge)), form))
            if j < count - 1:
                t[j * step] = key if edge != 0 else kind_of(-1)  # the key of -0.0, which is not below 0.0
        else:
            code = kind_of(_code(value, form.kind, low_end, high_end))
            c[j * step] = code if reached else c[(j - 1) * step]
            if j < count - 1:
                key, exists = _threshold(edge, form)
                reached = reached and exists
                t[j * step] = kind_of(key) if reached else form.highest
    for j in range(count - 1, thresholds.size // step):  # thresholds that change nothing
        t[j * step] = form.highest
        c[(j + 1) * step] = c[j * step]


@njit(nogil=True, cache=True)
def _finite_span(row, form):
    """The smallest and largest finite key of a row; smallest > largest where there is none."""
    _wide()
    kind_of = row.dtype.type
    low, high = form.highest, form.lowest
    least, most = low, high
    for i in range(row.shape[0]):
        key = kind_of(_order(row[i], form))
        least = key if key < least else least
        most = key if key > most else most
    if least >= form.lowest and most <= form.highest:
        return least, most
    for i in range(row.shape[0]):  # some are NaN or infinite: their keys lie outside
        key = kind_of(_order(row[i], form))
        finite = form.lowest <= key <= form.highest
        low = key if finite and key < low else low
        high = key if finite and key > high else high
    return low, high


@njit(nogil=True, cache=True)
def _group(values, start):
    """GROUP values from `start` on, as a tuple that stays in registers."""
    p = _at(values, start)
    return p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]


@njit(nogil=True, cache=True)
def _pair(values, start):
    """Two groups from `start` on."""
    return _group(values, start), _group(values, start + GROUP)


@njit(nogil=True, cache=True)
def _raised(key, code, t, c):
    """The code of the last of a group's bins that begins at or below the key, else the one given."""
    code = c[0] if key >= t[0] else code
    code = c[1] if key >= t[1] else code
    code = c[2] if key >= t[2] else code
    code = c[3] if key >= t[3] else code
    code = c[4] if key >= t[4] else code
    code = c[5] if key >= t[5] else code
    code = c[6] if key >= t[6] else code
    return c[7] if key >= t[7] else code


@njit(nogil=True, cache=True)
def _raised_twice(key, code, t, c):
    """As `_raised`, for a pair of groups."""
    return _raised(key, _raised(key, code, t[0], c[0]), t[1], c[1])


@njit(nogil=True, cache=True)
def _map_few(row, dest, size, thresholds, codes, form):
    """Quantize `size` elements by one group of thresholds."""
    _wide()
    lowest_code, t, c = codes[0], _group(thresholds, 0), _group(codes, 1)
    for i in range(size):
        bits = row[i]
        key = _order(bits, form)
        code = _raised(key, lowest_code, t, c)
        dest[i] = code if form.lowest <= key <= form.highest else bits


@njit(nogil=True, cache=True)
def _map_some(row, dest, size, thresholds, codes, form):
    """Quantize `size` elements by a pair of groups."""
    _wide()
    lowest_code, t, c = codes[0], _pair(thresholds, 0), _pair(codes, 1)
    for i in range(size):
        bits = row[i]
        key = _order(bits, form)
        code = _raised_twice(key, lowest_code, t, c)
        dest[i] = code if form.lowest <= key <= form.highest else bits


@njit(nogil=True, cache=True)
def _map_many(row, dest, size, thresholds, codes, last, form, keys, chosen):
    """Quantize `size` elements, at most BLOCK, pair by pair, the last at `last`; keys and chosen are scratch."""
    _wide()
    lowest_code, t, c = codes[0], _pair(thresholds, 0), _pair(codes, 1)
    for i in range(size):
        key = _order(row[i], form)
        keys[i] = key
        chosen[i] = _raised_twice(key, lowest_code, t, c)
    for g in range(2 * GROUP, last, 2 * GROUP):
        t, c = _pair(thresholds, g), _pair(codes, g + 1)
        for i in range(size):
            chosen[i] = _raised_twice(keys[i], chosen[i], t, c)
    t, c = _pair(thresholds, last), _pair(codes, last + 1)
    for i in range(size):
        bits, key = row[i], keys[i]
        code = _raised_twice(key, chosen[i], t, c)
        dest[i] = code if form.lowest <= key <= form.highest else bits


@njit(nogil=True, cache=True)
def _map_row(row, dest, thresholds, codes, form, keys, chosen):
    """Quantize a row [N] that may be its own destination; keys and chosen are scratch [BLOCK]."""
    x, out, t, c = _at(row, 0), _at(dest, 0), _at(thresholds, 0), _at(codes, 0)
    count, size = thresholds.shape[0], row.shape[0]
    if count == GROUP:
        _map_few(x, out, size, t, c, form)
    elif count == 2 * GROUP:
        _map_some(x, out, size, t, c, form)
    else:
        k, chose = _at(keys, 0), _at(chosen, 0)
        for start in range(0, size, BLOCK):
            part, target = _at(x, start), _at(out, start)
            _map_many(part, target, min(BLOCK, size - start), t, c, count - 2 * GROUP, form, k, chose)


@njit(nogil=True, cache=True)
def _span_across(row, size, least, most, form):
    """Widen the spans of columns to the finite keys of a row of `size`."""
    _wide()
    for w in range(size):
        key, low, high = _order(row[w], form), least[w], most[w]
        finite = form.lowest <= key <= form.highest
        least[w] = key if finite and key < low else low
        most[w] = key if finite and key > high else high


@njit(nogil=True, cache=True)
def _raised_across(key, code, t, c, w):
    """As `_raised`, for column w of rows of TILE that follow each other: a group's thresholds t and codes c."""
    threshold, raised = t[w], c[w]
    code = raised if key >= threshold else code
    threshold, raised = t[TILE + w], c[TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[2 * TILE + w], c[2 * TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[3 * TILE + w], c[3 * TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[4 * TILE + w], c[4 * TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[5 * TILE + w], c[5 * TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[6 * TILE + w], c[6 * TILE + w]
    code = raised if key >= threshold else code
    threshold, raised = t[7 * TILE + w], c[7 * TILE + w]
    return raised if key >= threshold else code


@njit(nogil=True, cache=True)
def _map_across(row, dest, size, thresholds, codes, last, form, keys, chosen):
    """Quantize `size` elements, at most TILE, whose element w has thresholds [:, w] and codes [:, w], both flat.

    `last` is where the last group of thresholds begins; keys and chosen are scratch.
    """
    _wide()
    raised = _at(codes, TILE)
    if last == 0:
        for w in range(size):
            bits = row[w]
            key = _order(bits, form)
            code = _raised_across(key, codes[w], thresholds, raised, w)
            dest[w] = code if form.lowest <= key <= form.highest else bits
        return
    for w in range(size):
        key = _order(row[w], form)
        keys[w] = key
        chosen[w] = _raised_across(key, codes[w], thresholds, raised, w)
    for g in range(GROUP * TILE, last, GROUP * TILE):
        t, c = _at(thresholds, g), _at(raised, g)
        for w in range(size):
            chosen[w] = _raised_across(keys[w], chosen[w], t, c, w)
    t, c = _at(thresholds, last), _at(raised, last)
    for w in range(size):
        bits, key = row[w], keys[w]
        code = _raised_across(key, chosen[w], t, c, w)
        dest[w] = code if form.lowest <= key <= form.highest else bits


@njit(nogil=True, cache=True)
def _span_tile(source, stride, size, width, least, most, form):
    """Widen the spans of columns to the finite keys of `size` elements, in rows of `width`, `stride` apart."""
    x, low, high = _at(source, 0), _at(least, 0), _at(most, 0)
    for i in range(-(-size // width)):
        _span_across(_at(x, i * stride), min(width, size - i * width), low, high, form)


@njit(nogil=True, cache=True)
def _map_tile(source, target, strides, size, width, thresholds, codes, form, keys, chosen):
    """Quantize `size` elements in rows of `width`, `strides` apart in source and target."""
    x, out, t, c = _at(source, 0), _at(target, 0), _at(thresholds, 0), _at(codes, 0)
    k, chose = _at(keys, 0), _at(chosen, 0)
    last = thresholds.shape[0] - GROUP * TILE
    for i in range(-(-size // width)):
        row, dest = _at(x, i * strides[0]), _at(out, i * strides[1])
        _map_across(row, dest, min(width, size - i * width), t, c, last, form, k, chose)


@njit(nogil=True, cache=True)
def _scratch(size, like):
    """Memory for `size` elements of the type of an array, from the start of a cache line on."""
    memory = np.empty(size + 64 // like.itemsize, like.dtype)
    return memory[-memory.ctypes.data % 64 // like.itemsize :][:size]


@njit(nogil=True, cache=True)
def _padded(count, step):
    """A number of thresholds in whole steps, one at least."""
    return max(step, -(-count // step) * step)


@njit(nogil=True, cache=True)
def quantize_rows(start, stop, x, out, channels, n, strides, form, draws):
    """Quantize scopes `start` to `stop` whose elements lie side by side.

    Args:
        x, out: bits, 1-d from the first element; out may be x.
        channels, n: C and N.
        strides: of samples and channels in x, then in out.
    """
    kind_of = x.dtype.type
    u, v, bins, lows, highs = draws.u, draws.v, draws.bins, draws.low, draws.high
    like = u.dtype.type(0)
    padded = _padded(u.shape[1], GROUP if u.shape[1] <= GROUP else 2 * GROUP)
    t, c = _scratch(padded, x), _scratch(padded + 1, x)
    keys, chosen = _scratch(BLOCK, x), _scratch(BLOCK, x)
    every, table = np.empty(256, x.dtype), np.empty(256, x.dtype)
    for i in range(256):
        every[i] = kind_of(i)
    for s in range(start, stop):
        b, channel = s // channels, s % channels
        row = x[b * strides[0] + channel * strides[1] :][:n]
        dest = out[b * strides[2] + channel * strides[3] :][:n]
        if draws.applied.size and not draws.applied[s]:
            dest[:] = row
            continue
        if lows.size:
            low, high = lows[s], highs[s]
            low_end, high_end = _rounded_end(low, form), _rounded_end(high, form)
        else:
            least, most = _finite_span(row, form)
            if least > most:
                dest[:] = row
                continue
            low_end, high_end = np.int64(least), np.int64(most)
            low, high = _number(low_end, form, like), _number(high_end, form, like)
        count = bins[s] if bins.size else u.shape[1] + 1
        _codebook(low, high, u, v, draws.placed, count, s, form, low_end, high_end, t, c, 0, 1)
        if x.itemsize == 1 and padded > 2 * GROUP:  # every value there is, once; then one look-up an element
            _map_row(every, table, t, c, form, keys, chosen)
            for i in range(n):
                dest[i] = table[row[i] & 255]
        else:
            _map_row(row, dest, t, c, form, keys, chosen)


@njit(nogil=True, cache=True)
def quantize_columns(start, stop, x, out, channels, n, strides, form, draws, width, repeats):
    """Quantize scopes that lie in columns: tiles `start` to `stop`, counted sample by sample.

    Args as in `quantize_rows`, but:
        strides: of samples and elements in x, then in out; channels lie side by side.
        width: columns of a tile, at most TILE.
        repeats: how many elements of each channel make one row, 1 unless the array is dense and C small. A row is
            then repeats x C wide, at most TILE, and the loops over it stay long.
    """
    u, v, bins, lows, highs = draws.u, draws.v, draws.bins, draws.low, draws.high
    like = u.dtype.type(0)
    tiles = -(-channels // width)
    padded = _padded(u.shape[1], GROUP)
    t, c = _scratch(padded * TILE, x), _scratch((padded + 1) * TILE, x)
    thresholds, codes = t.reshape(padded, TILE), c.reshape(padded + 1, TILE)
    least, most = _scratch(TILE, x), _scratch(TILE, x)
    keys, chosen = _scratch(TILE, x), _scratch(TILE, x)
    for tile in range(start, stop):
        b, first = tile // tiles, tile % tiles * width
        columns = min(width, channels - first)
        source, target = x[b * strides[0] + first :], out[b * strides[2] + first :]
        applied = draws.applied.size == 0 or draws.applied[b * channels]
        if applied:
            if not lows.size:
                least[:], most[:] = form.highest, form.lowest
                _span_tile(source, repeats * strides[1], columns * n, columns * repeats, least, most, form)
                for w in range(columns, columns * repeats):
                    least[w % columns] = min(least[w % columns], least[w])
                    most[w % columns] = max(most[w % columns], most[w])
            for column in range(columns):
                s = b * channels + first + column
                if lows.size:
                    low, high = lows[s], highs[s]
                    low_end, high_end = _rounded_end(low, form), _rounded_end(high, form)
                else:
                    # Without a finite element the codes are never chosen, and any will do.
                    empty = least[column] > most[column]
                    low_end = np.int64(0 if empty else least[column])
                    high_end = np.int64(0 if empty else most[column])
                    low, high = _number(low_end, form, like), _number(high_end, form, like)
                count = bins[s] if bins.size else u.shape[1] + 1
                _codebook(low, high, u, v, draws.placed, count, s, form, low_end, high_end, t, c, column, TILE)
            for j in range(codes.shape[0]):
                for w in range(columns, columns * repeats):
                    codes[j, w] = codes[j, w - columns]
                    if j < thresholds.shape[0]:
                        thresholds[j, w] = thresholds[j, w - columns]
            steps = repeats * strides[1], repeats * strides[3]
            _map_tile(source, target, steps, columns * n, columns * repeats, t, c, form, keys, chosen)
        else:
            for i in range(-(-n // repeats)):
                size = columns * min(repeats, n - i * repeats)
                target[i * repeats * strides[3] :][:size] = source[i * repeats * strides[1] :][:size]


@njit(nogil=True, cache=True)
def measure_rows(start, stop, x, channels, n, strides, form, low, high):
    """Write the smallest and largest finite numbers of scopes `start` to `stop`; inf and -inf where there is none."""
    like = low.dtype.type(0)
    for s in range(start, stop):
        least, most = _finite_span(x[s // channels * strides[0] + s % channels * strides[1] :][:n], form)
        low[s] = _number(np.int64(least), form, like) if least <= most else np.inf
        high[s] = _number(np.int64(most), form, like) if least <= most else -np.inf
