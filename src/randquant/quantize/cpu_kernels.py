"""Bits of scopes and fractions in, bits of quantized scopes out: the loops that numba compiles.

Arrays of numbers hold their bits, as integers of the same width; a key is an integer that orders as the number does.
Arithmetic on edges and values runs in the type of `u`, float32 or float64, and nothing is fused or reordered, so
every backend rounds alike.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

INTEGER, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 = range(5)
GROUP = 8  # thresholds that a pass over a block keeps in registers
BLOCK = 2048  # elements of a block: keys and outputs of it fit the first-level cache
TILE = 128  # columns whose thresholds fit the first-level cache


class Form(NamedTuple):
    """How the numbers of a dtype lie in their bits; whole numbers of numpy types."""

    kind: int
    mask: Any  # what a negative number flips to become a key: all bits but the sign for floats, none for integers
    shift: Any  # the place of the sign
    lowest: Any  # the key of the lowest finite number
    highest: Any


class Draws(NamedTuple):
    """What was drawn or given for S scopes; an empty array where something was not."""

    u: Any  # edge fractions [S, R-1], float32 or float64
    v: Any  # value fractions [S, R]; [1, 0] for the middle of a bin
    bins: Any  # int64 [S]
    applied: Any  # bool [S]
    low: Any  # given limits [S], of the type of u
    high: Any


@njit(nogil=True, cache=True)
def _order(bits, form):
    return bits ^ ((bits >> form.shift) & form.mask)


@njit(nogil=True, cache=True)
def _finite_span(row, form):
    """The smallest and largest finite key of a row; smallest > largest where there is none."""
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
def _number(key, form, words, floats):
    """The number of a key, in the type of arithmetic; words and floats are one memory."""
    if form.kind == INTEGER:
        return floats.dtype.type(key)
    bits = _order(key, form)  # its own inverse
    if form.kind == BFLOAT16:
        words[0] = (bits & 0xFFFF) << 16
    elif form.kind == FLOAT16:
        exponent, fraction = (bits >> 10) & 31, bits & 1023
        size = math.ldexp(fraction + (1024.0 if exponent else 0.0), max(exponent, 1) - 25)
        floats[0] = -size if bits & 0x8000 else size
    else:
        words[0] = bits
    return floats[0]


@njit(nogil=True, cache=True)
def _snap(value, kind, up):
    """A number of the half type next to value: above it, or the nearest with ties to even."""
    digits, lowest = (7, -126) if kind == BFLOAT16 else (10, -14)
    _, exponent = math.frexp(value)
    step = math.ldexp(1.0, max(exponent - 1, lowest) - digits)
    count = value / step  # exact: a power of two
    return (math.ceil(count) if up else np.rint(count)) * step


@njit(nogil=True, cache=True)
def _float_bits(value, kind, words, floats):
    """The bits of a number that the type can hold."""
    floats[0] = value
    if kind == BFLOAT16:
        return np.int64(words[0]) >> 16
    if kind == FLOAT16:
        sign = np.int64(-0x8000) if words[0] < 0 else np.int64(0)
        size = abs(value)
        if size < 2.0**-14:
            return sign | np.int64(size * 2.0**24)
        return sign | (((np.int64(words[0]) & 0x7FFFFFFF) >> 13) - (112 << 10))
    return np.int64(words[0])


@njit(nogil=True, cache=True)
def _threshold(edge, form, words, floats):
    """The smallest key whose number is at or above the edge, and whether any number is."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    if form.kind == INTEGER:
        edge = math.ceil(edge)
        if edge >= np.float64(highest) + 1.0:
            return highest, False
        return (np.int64(edge) if edge > np.float64(lowest) else lowest), True
    if form.kind in (FLOAT16, BFLOAT16):
        if math.isinf(edge):
            return (lowest, True) if edge < 0 else (highest, False)
        edge = _snap(edge, form.kind, True)
        if form.kind == FLOAT16 and abs(edge) > 65504.0:
            return (lowest, True) if edge < 0 else (highest, False)
    if edge == 0:
        return np.int64(-1), True  # the key of -0.0, which is not below 0.0
    key = np.int64(_order(_float_bits(edge, form.kind, words, floats), form))
    return key, key <= highest


@njit(nogil=True, cache=True)
def _code(value, kind, low_end, high_end, words, floats):
    """The output bits of a bin's value; integers are rounded half to even and clamped."""
    if kind == INTEGER:
        value = np.rint(value)
        if value >= 2.0**63:
            return high_end
        return min(max(np.int64(value), low_end), high_end) if value > -(2.0**63) else low_end
    if kind in (FLOAT16, BFLOAT16):
        value = _snap(value, kind, False)
    return _float_bits(value, kind, words, floats)


@njit(nogil=True, cache=True)
def _codebook(low, high, u, v, count, form, ends, words, floats, thresholds, codes):
    """Fill thresholds [K] and codes [K + 1] of one scope of `count` bins; see `reference.quantize_scope`."""
    real = u.dtype.type
    quarter = max(abs(low), abs(high)) >= real(np.finfo(u.dtype).max / 4)
    scale = real(0.25) if quarter else real(1.0)
    low, high = real(low * scale), real(high * scale)
    span = real(high - low)
    top = high if 0 < span < real(1e-3) else real(high + real(1e-6))
    left = low
    reached = True
    for j in range(count):
        edge = real(real(u[j] * span) + low) if j < count - 1 else top
        right = min(edge, top)
        inside = real(real(left + right) / real(2)) if v.size == 0 else real(left + real(v[j] * real(right - left)))
        code = _code(real(inside / scale), form.kind, ends[0], ends[1], words, floats)
        codes[j] = code if reached else codes[j - 1]
        left = edge
        if j < count - 1:
            key, inside_type = _threshold(real(edge / scale), form, words, floats)
            reached = reached and inside_type
            thresholds[j] = key if reached else form.highest
    for j in range(count - 1, thresholds.shape[0]):  # thresholds that change nothing
        thresholds[j] = form.highest
        codes[j + 1] = codes[j]


@njit(nogil=True, cache=True)
def _ends(low, high, form, ends):
    """What outputs of an integer type are clamped to under given limits."""
    lowest, highest = np.int64(form.lowest), np.int64(form.highest)
    for i, limit in ((0, low), (1, high)):
        limit = np.rint(limit)
        inside = np.int64(limit) if -(2.0**63) < limit < 2.0**63 else (highest if limit > 0 else lowest)
        ends[i] = min(max(inside, lowest), highest)


@njit(nogil=True, cache=True)
def _map_group(row, dest, t, c, form):
    kind_of = row.dtype.type
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    c0, c1, c2, c3, c4, c5, c6, c7, c8 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]
    for i in range(row.shape[0]):
        bits = row[i]
        key = kind_of(_order(bits, form))
        code = c1 if key >= t0 else c0
        code = c2 if key >= t1 else code
        code = c3 if key >= t2 else code
        code = c4 if key >= t3 else code
        code = c5 if key >= t4 else code
        code = c6 if key >= t5 else code
        code = c7 if key >= t6 else code
        code = c8 if key >= t7 else code
        dest[i] = code if form.lowest <= key <= form.highest else bits


@njit(nogil=True, cache=True)
def _refine_group(keys, chosen, t, c):
    """Raise the outputs of elements that reach a group's thresholds."""
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    c1, c2, c3, c4, c5, c6, c7, c8 = c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]
    for i in range(keys.shape[0]):
        key = keys[i]
        code = c1 if key >= t0 else chosen[i]
        code = c2 if key >= t1 else code
        code = c3 if key >= t2 else code
        code = c4 if key >= t3 else code
        code = c5 if key >= t4 else code
        code = c6 if key >= t5 else code
        code = c7 if key >= t6 else code
        chosen[i] = c8 if key >= t7 else code


@njit(nogil=True, cache=True)
def _map_row(row, dest, thresholds, codes, form, keys, chosen):
    """Quantize a row [N] that may be its own destination; keys and chosen are scratch blocks."""
    if thresholds.shape[0] == GROUP:
        _map_group(row, dest, thresholds, codes, form)
        return
    kind_of = row.dtype.type
    for start in range(0, row.shape[0], BLOCK):
        part, target = row[start : start + BLOCK], dest[start : start + BLOCK]
        size = part.shape[0]
        for i in range(size):
            keys[i] = kind_of(_order(part[i], form))
            chosen[i] = codes[0]
        for g in range(0, thresholds.shape[0], GROUP):
            _refine_group(keys[:size], chosen[:size], thresholds[g : g + GROUP], codes[g : g + GROUP + 1])
        for i in range(size):
            target[i] = chosen[i] if form.lowest <= keys[i] <= form.highest else part[i]


@njit(nogil=True, cache=True)
def quantize_rows(start, stop, x, out, channels, n, strides, form, draws, words):
    """Quantize scopes `start` to `stop` whose elements lie side by side.

    Args:
        x, out: bits, 1-d from the first element; out may be x.
        channels, n: C and N.
        strides: of samples and channels in x, then in out.
        words: an array of the integer as wide as u's type; only its type matters.
    """
    kind_of = x.dtype.type
    most_bins = draws.u.shape[1] + 1
    padded = max(GROUP, -(-(most_bins - 1) // GROUP) * GROUP)
    thresholds, codes = np.empty(padded, x.dtype), np.empty(padded + 1, x.dtype)
    keys, chosen = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    word = np.empty(1, words.dtype)
    number = word.view(draws.u.dtype)
    ends = np.empty(2, np.int64)
    every, table = np.empty(256, x.dtype), np.empty(256, x.dtype)
    for i in range(256):
        every[i] = kind_of(i)
    for s in range(start, stop):
        b, c = s // channels, s % channels
        row = x[b * strides[0] + c * strides[1] :][:n]
        dest = out[b * strides[2] + c * strides[3] :][:n]
        if draws.applied.size and not draws.applied[s]:
            dest[:] = row
            continue
        if draws.low.size:
            low, high = draws.low[s], draws.high[s]
            _ends(low, high, form, ends)
        else:
            least, most = _finite_span(row, form)
            if least > most:
                dest[:] = row
                continue
            low, high = _number(np.int64(least), form, word, number), _number(np.int64(most), form, word, number)
            ends[0], ends[1] = least, most
        count = draws.bins[s] if draws.bins.size else most_bins
        v = draws.v[s] if draws.v.size else draws.v[0]
        _codebook(low, high, draws.u[s], v, count, form, ends, word, number, thresholds, codes)
        if x.itemsize == 1:  # every value there is, once; then one look-up an element
            _map_row(every, table, thresholds, codes, form, keys, chosen)
            for i in range(n):
                dest[i] = table[row[i] & 255]
        else:
            _map_row(row, dest, thresholds, codes, form, keys, chosen)


@njit(nogil=True, cache=True)
def quantize_columns(start, stop, x, out, channels, n, strides, form, draws, words, width, repeats):
    """Quantize scopes that lie in columns: tiles `start` to `stop`, counted sample by sample.

    Args as in `quantize_rows`, but:
        strides: of samples and elements in x, then in out; channels lie side by side.
        width: columns of a tile.
        repeats: how many elements of each channel make one row, 1 unless the array is dense and C small. A row is
            then repeats x C wide, and the loops over it stay long.
    """
    kind_of = x.dtype.type
    tiles = -(-channels // width)
    most_bins = draws.u.shape[1] + 1
    wide = width * repeats
    thresholds, codes = np.empty((most_bins - 1, wide), x.dtype), np.empty((most_bins, wide), x.dtype)
    least, most = np.empty(wide, x.dtype), np.empty(wide, x.dtype)
    keys, chosen = np.empty(wide, x.dtype), np.empty(wide, x.dtype)
    word = np.empty(1, words.dtype)
    number = word.view(draws.u.dtype)
    ends = np.empty(2, np.int64)
    for tile in range(start, stop):
        b, first = tile // tiles, tile % tiles * width
        columns = min(width, channels - first)
        rows = -(-n // repeats)
        source, target = x[b * strides[0] + first :], out[b * strides[2] + first :]
        if draws.applied.size and not draws.applied[b * channels]:
            for i in range(rows):
                size = columns * min(repeats, n - i * repeats)
                target[i * repeats * strides[3] :][:size] = source[i * repeats * strides[1] :][:size]
            continue
        if not draws.low.size:
            least[:], most[:] = form.highest, form.lowest
            for i in range(rows):
                row = source[i * repeats * strides[1] :][: columns * min(repeats, n - i * repeats)]
                for w in range(row.shape[0]):
                    key = kind_of(_order(row[w], form))
                    finite = form.lowest <= key <= form.highest
                    least[w] = key if finite and key < least[w] else least[w]
                    most[w] = key if finite and key > most[w] else most[w]
            for w in range(columns, columns * repeats):
                least[w % columns] = min(least[w % columns], least[w])
                most[w % columns] = max(most[w % columns], most[w])
        for c in range(columns):
            s = b * channels + first + c
            if draws.low.size:
                low, high = draws.low[s], draws.high[s]
                _ends(low, high, form, ends)
            else:
                # Without a finite element the codes are never chosen, and any will do.
                empty = least[c] > most[c]
                ends[0], ends[1] = (0, 0) if empty else (least[c], most[c])
                low, high = _number(ends[0], form, word, number), _number(ends[1], form, word, number)
            count = draws.bins[s] if draws.bins.size else most_bins
            v = draws.v[s] if draws.v.size else draws.v[0]
            _codebook(low, high, draws.u[s], v, count, form, ends, word, number, thresholds[:, c], codes[:, c])
        for w in range(columns, columns * repeats):
            thresholds[:, w], codes[:, w] = thresholds[:, w % columns], codes[:, w % columns]
        for i in range(rows):
            size = columns * min(repeats, n - i * repeats)
            row, dest = source[i * repeats * strides[1] :][:size], target[i * repeats * strides[3] :][:size]
            for w in range(size):
                keys[w] = kind_of(_order(row[w], form))
                chosen[w] = codes[0, w]
            for j in range(most_bins - 1):
                for w in range(size):
                    chosen[w] = codes[j + 1, w] if keys[w] >= thresholds[j, w] else chosen[w]
            for w in range(size):
                dest[w] = chosen[w] if form.lowest <= keys[w] <= form.highest else row[w]


@njit(nogil=True, cache=True)
def measure_rows(start, stop, x, channels, n, strides, form, low, high, words):
    """Write the smallest and largest finite numbers of scopes `start` to `stop`; inf and -inf where there is none."""
    word = np.empty(1, words.dtype)
    number = word.view(low.dtype)
    for s in range(start, stop):
        least, most = _finite_span(x[s // channels * strides[0] + s % channels * strides[1] :][:n], form)
        low[s] = _number(np.int64(least), form, word, number) if least <= most else np.inf
        high[s] = _number(np.int64(most), form, word, number) if least <= most else -np.inf
