"""Keys in, keys below them or uniform numbers out: the programs of `gpu_draw` that triton compiles for the GPU."""

# ruff: noqa: N803 (what a kernel is compiled for is written in capitals, as in all of triton)
from __future__ import annotations

import triton
import triton.language as tl
from triton.language.random import philox_impl

_ROUNDS = tl.constexpr(10)


@triton.jit(do_not_specialize=["low", "high", "low_2", "high_2", "count"])
def fold(keys, words, out, low, high, low_2, high_2, count, TWICE: tl.constexpr, BLOCK: tl.constexpr):
    """Write the keys below `count` keys to out.

    Args:
        keys, words, out: int64 [count]; words None: all have the one whose halves are low and high.
        low_2, high_2: with TWICE, the word of a key below that one.
    """
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    key = tl.load(keys + place, mask=inside, other=0)
    if words is None:
        first, second = _words(low, place), _words(high, place)
    else:
        word = tl.load(words + place, mask=inside, other=0)
        first, second = word.to(tl.uint32), (word >> 32).to(tl.uint32)
    key = _below(key, first, second)
    if TWICE:
        key = _below(key, _words(low_2, place), _words(high_2, place))
    tl.store(out + place, key, mask=inside)


@triton.jit(do_not_specialize=["purpose", "rows", "runs", "width"])
def uniform(
    keys, out, purpose, rows, runs, width,
    SORTED: tl.constexpr, BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write rows of `width` numbers to out, float32 [rows, width].

    Args:
        keys: int64, one for every `runs` rows: its stream goes on from one of them to the next.
        purpose: the word of the stream.
        SORTED: each row ascends; BLOCK_COLUMNS then holds all of it.
    """
    row = (tl.program_id(0).to(tl.int64) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS))[:, None]
    column = (tl.program_id(1).to(tl.int64) * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS))[None, :]
    inside = (row < rows) & (column < width)
    key = tl.load(keys + row // runs, mask=row < rows, other=0)
    number = row % runs * width + column
    zero = tl.zeros([BLOCK_ROWS, BLOCK_COLUMNS], tl.uint32)
    block = (number // 4).to(tl.uint32) + zero
    c0, c1, c2, c3 = philox_impl(
        block, _words(purpose, zero), zero, zero, key.to(tl.uint32) + zero, (key >> 32).to(tl.uint32) + zero, _ROUNDS
    )
    turn = number % 4
    bits = tl.where(turn < 2, tl.where(turn == 0, c0, c1), tl.where(turn == 2, c2, c3))
    drawn = (bits >> 8).to(tl.int32).to(tl.float32) * (1.0 / 16777216)
    if SORTED:
        drawn = tl.sort(tl.where(inside, drawn, float("inf")), 1)
    tl.store(out + row * width + column, drawn, mask=inside)


@triton.jit
def _words(word, like):
    """A number as a tensor of 32-bit words."""
    return tl.full(like.shape, 0, tl.uint32) + word.to(tl.uint32)


@triton.jit
def _below(key, low, high):
    """The keys below 64-bit keys that two 32-bit words name."""
    zero = tl.zeros_like(low)
    c0, c1, _, _ = philox_impl(low, high, zero, zero + 1, key.to(tl.uint32), (key >> 32).to(tl.uint32), _ROUNDS)
    return (c1.to(tl.uint64) << 32 | c0.to(tl.uint64)).to(tl.int64, bitcast=True)
