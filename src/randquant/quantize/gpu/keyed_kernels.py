"""Scopes and the keys of their samples in, quantized scopes out: the program of `keyed` that triton compiles."""

# ruff: noqa: N803 (what a kernel is compiled for is written in capitals, as in all of triton)
from __future__ import annotations

import triton
import triton.language as tl

from randquant.quantize.gpu.draw_kernels import key_of, write_edges_and_values
from randquant.quantize.gpu.kernels import quantize as quantize_drawn

_LOOSE = (
    "most_bins", "of_a_sample", "root_low", "root_high", "low", "high", "low_2", "high_2", "for_edges", "for_values"
)  # fmt: skip


@triton.jit(do_not_specialize=_LOOSE)
def quantize(
    x, out, edges, values, ids, channels, n, x_b, x_c, x_n, out_b, out_c, out_n,
    most_bins, of_a_sample, root_low, root_high, low, high, low_2, high_2, for_edges, for_values,
    WORK: tl.constexpr, QUARTER: tl.constexpr, ENDS: tl.constexpr, LOWEST: tl.constexpr, HIGHEST: tl.constexpr,
    INDEX: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_N: tl.constexpr,
    NUMBERS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Draw edges and values, and write them and the quantized x; see `kernels.quantize`.

    A program draws for its own scopes, and maps all of them. What its threads wrote others of them read, later.

    Args:
        edges, values: float32 [S, most_bins - 1] and [S, most_bins], to be written; values None: the middles.
        ids, root_low to high_2, NUMBERS: of the samples, see `key_of`.
        of_a_sample: how many scopes a sample has, whatever the channels that the program walks over.
        for_edges, for_values: the words of the two streams.
        ROWS, COLUMNS: the tile that is drawn at a time; rows of at least most_bins.
    """
    blocks = tl.cdiv(channels, BLOCK_C)
    b, block = tl.program_id(0) // blocks, tl.program_id(0) % blocks
    first = b.to(tl.int64) * channels + block * BLOCK_C
    end = tl.minimum(first + BLOCK_C, (b.to(tl.int64) + 1) * channels)
    for start in range(0, BLOCK_C, ROWS):
        row = (first + start + tl.arange(0, ROWS))[:, None]
        key = key_of(ids, row // of_a_sample, row < end, root_low, root_high, low, high, low_2, high_2, NUMBERS)
        write_edges_and_values(key, row, end, of_a_sample, edges, values, most_bins, for_edges, for_values, COLUMNS)
    tl.debug_barrier()
    quantize_drawn(
        x, out, edges, values, None, None, None, channels, n, 1, n, x_b, x_c, x_n, out_b, out_c, out_n,
        most_bins, WORK, QUARTER, ENDS, LOWEST, HIGHEST, INDEX, BLOCK_C, BLOCK_N,
    )  # fmt: skip
