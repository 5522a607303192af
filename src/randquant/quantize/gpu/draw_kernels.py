"""Keys in, keys below them or uniform numbers out: the programs of `draw` that triton compiles for the GPU."""

# ruff: noqa: N803 (what a kernel is compiled for is written in capitals, as in all of triton)
from __future__ import annotations

import triton
import triton.language as tl
from triton.language.random import philox_impl

_ROUNDS = tl.constexpr(10)


@triton.jit(do_not_specialize=["count", "root_low", "root_high", "low", "high", "low_2", "high_2"])
def fold(
    out, keys, words, count, root_low, root_high, low, high, low_2, high_2,
    NUMBERS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the keys below `count` keys to out.

    Args:
        out, keys, words: int64 [count]. keys None: all are the one whose halves are root_low and root_high; words
            None: there is no word of each.
        NUMBERS: how many words of all come after it, each given by its halves.
    """
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    if keys is None:
        key = _joined(_words(root_low, place), _words(root_high, place))
    else:
        key = tl.load(keys + place, mask=inside, other=0)
    if words is not None:
        word = tl.load(words + place, mask=inside, other=0)
        key = _below(key, word.to(tl.uint32), (word >> 32).to(tl.uint32))
    key = _below_numbers(key, low, high, low_2, high_2, NUMBERS)
    tl.store(out + place, key, mask=inside)


@triton.jit(do_not_specialize=["rows", "runs", "width", "purpose"])
def uniform(
    keys, out, rows, runs, width, purpose,
    SORTED: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write rows of `width` numbers to out, float32 [rows, width].

    Args:
        keys: int64, one for every `runs` rows: its stream goes on from one of them to the next.
        purpose: the word of the stream.
        SORTED: each row ascends; BLOCK_COLUMNS then holds all of it.
    """
    row, column, key = _rows(keys, rows, runs, BLOCK_ROWS, BLOCK_COLUMNS)
    inside = (row < rows) & (column < width)
    drawn = _numbers(key, row % runs * width + column, purpose)
    if SORTED:
        drawn = tl.sort(tl.where(inside, drawn, float("inf")), 1)
    tl.store(out + row * width + column, drawn, mask=inside)


@triton.jit(do_not_specialize=["rows", "channels", "bins", "for_edges", "for_values"])
def edges_and_values(
    keys, edges, values, rows, channels, bins, for_edges, for_values,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write what `uniform` does of both purposes: sorted rows of bins - 1 to edges, rows of bins to values."""
    row, _, key = _rows(keys, rows, channels, BLOCK_ROWS, BLOCK_COLUMNS)
    write_edges_and_values(key, row, rows, channels, edges, values, bins, for_edges, for_values, BLOCK_COLUMNS)


@triton.jit
def write_edges_and_values(
    key, row, end, channels, edges, values, bins, for_edges, for_values, COLUMNS: tl.constexpr
):  # fmt: skip
    """Write rows [ROWS, 1] before `end`, drawn from their keys, of which each has `channels`; values may be None."""
    column = tl.arange(0, COLUMNS)[None, :]
    of_key = row % channels
    inside = (row < end) & (column < bins)
    if values is not None:
        tl.store(values + row * bins + column, _numbers(key, of_key * bins + column, for_values), mask=inside)
    width = bins - 1
    inside &= column < width
    drawn = _numbers(key, of_key * width + column, for_edges)
    drawn = tl.sort(tl.where(inside, drawn, float("inf")), 1)
    tl.store(edges + row * width + column, drawn, mask=inside)


@triton.jit
def key_of(ids, sample, exists, root_low, root_high, low, high, low_2, high_2, NUMBERS: tl.constexpr):
    """The keys of samples: their ids [B] themselves if NUMBERS is 0.

    Else those that each id, then NUMBERS numbers, name below the root; all but ids are given by their halves.
    """
    key = tl.load(ids + sample, mask=exists, other=0)
    if NUMBERS > 0:
        root = _joined(_words(root_low, key), _words(root_high, key))
        key = _below(root, key.to(tl.uint32), (key >> 32).to(tl.uint32))
        key = _below_numbers(key, low, high, low_2, high_2, NUMBERS)
    return key


@triton.jit
def _rows(keys, rows, runs, BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr):
    """The rows [BLOCK_ROWS, 1] of a program, its columns [1, BLOCK_COLUMNS], and the keys of the rows."""
    row = (tl.program_id(0).to(tl.int64) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS))[:, None]
    column = (tl.program_id(1).to(tl.int64) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS))[None, :]
    return row, column, tl.load(keys + row // runs, mask=row < rows, other=0)


@triton.jit
def _numbers(key, number, purpose):
    """The numbers at these places of the keys' streams, uniform in [0, 1)."""
    zero = tl.zeros_like(number).to(tl.uint32)
    c0, c1, c2, c3 = philox_impl(
        (number // 4).to(tl.uint32), _words(purpose, zero), zero, zero,
        key.to(tl.uint32) + zero, (key >> 32).to(tl.uint32) + zero, _ROUNDS,
    )  # fmt: skip
    turn = number % 4
    bits = tl.where(turn < 2, tl.where(turn == 0, c0, c1), tl.where(turn == 2, c2, c3))
    return (bits >> 8).to(tl.int32).to(tl.float32) * (1.0 / 16777216)


@triton.jit
def _words(word, like):
    """A number as a tensor of 32-bit words."""
    return tl.full(like.shape, 0, tl.uint32) + word.to(tl.uint32)


@triton.jit
def _joined(low, high):
    """64-bit keys of their halves."""
    return (high.to(tl.uint64) << 32 | low.to(tl.uint64)).to(tl.int64, bitcast=True)


@triton.jit
def _below(key, low, high):
    """The keys below 64-bit keys that two 32-bit words name."""
    zero = tl.zeros_like(low)
    c0, c1, _, _ = philox_impl(low, high, zero, zero + 1, key.to(tl.uint32), (key >> 32).to(tl.uint32), _ROUNDS)
    return _joined(c0, c1)


@triton.jit
def _below_numbers(key, low, high, low_2, high_2, NUMBERS: tl.constexpr):
    """The keys that NUMBERS numbers, at most two, name below keys, one after the other."""
    if NUMBERS > 0:
        key = _below(key, _words(low, key), _words(high, key))
    if NUMBERS > 1:
        key = _below(key, _words(low_2, key), _words(high_2, key))
    return key
