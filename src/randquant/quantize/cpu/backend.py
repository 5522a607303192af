"""Scopes and fractions in, quantized scopes out: fused for the CPU, at the speed of memory.

Numbers are never converted. The bits of a float, with the magnitude of negative numbers flipped, order as integers
the way the floats do; edges become thresholds in that order, and comparisons as wide as the elements themselves
choose each element's output bits. A scope is read from memory once, for its range, and then from the cache.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.quantize.cpu import kernels
from randquant.quantize.cpu.gradient import range_gradient as range_gradient
from randquant.quantize.cpu.kernels import Drawn, Form
from randquant.quantize.cpu.threads import share
from randquant.quantize.draw import Fractions
from randquant.quantize.quantiles import Codebook, quantile_book
from randquant.quantize.scope import Limits, arithmetic

Array = NDArray[Any]

_FEW = 16  # channels; where fewer lie side by side, with gaps between elements, a dense copy is read faster

_KINDS = {  # dtype: the integer of the same width, and how its bits are read
    torch.float16: (torch.int16, kernels.FLOAT16),
    torch.bfloat16: (torch.int16, kernels.BFLOAT16),
    torch.float32: (torch.int32, kernels.FLOAT32),
    torch.float64: (torch.int64, kernels.FLOAT64),
}


def quantize(
    x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None, among: Tensor | None = None
) -> None:
    """Write the quantized x to out; arguments as in `reference.quantize`."""
    batch, channels, n = x.shape
    form = _form(x.dtype)
    draws = _draws(x, fractions, limits)
    if among is not None:
        draws = _placed(draws, quantile_book(among, fractions))
    dense = x.stride(2) == out.stride(2) == channels
    if n > 1 and _side_by_side(x, 2) and _side_by_side(out, 2):
        strides = (x.stride(0), x.stride(1), out.stride(0), out.stride(1))
        share(kernels.quantize_rows, batch * channels, _bits(x), _bits(out), channels, n, strides, form, draws)
    elif _side_by_side(x, 1) and _side_by_side(out, 1) and (dense or n == 1 or channels >= _FEW):
        repeats = _repeats(channels) if dense else 1
        width = min(channels, kernels.TILE)
        strides = (x.stride(0), x.stride(2), out.stride(0), out.stride(2))
        shape = (channels, n, strides, form, draws, width, repeats)
        share(kernels.quantize_columns, batch * -(-channels // width), _bits(x), _bits(out), *shape)
    else:
        rows = x.contiguous()
        quantized = torch.empty_like(rows)
        quantize(rows, quantized, fractions, limits, among)
        out.copy_(quantized)


def measure(x: Tensor) -> Limits:
    """The smallest and largest finite value of each scope; see `reference.measure`."""
    batch, channels, n = x.shape
    if not _side_by_side(x, 2):
        x = x.contiguous()
    low = torch.empty(batch, channels, dtype=arithmetic(x.dtype), device="cpu")
    high = torch.empty_like(low)
    shape = (channels, n, (x.stride(0), x.stride(1)), _form(x.dtype))
    ends = (low.view(-1).numpy(), high.view(-1).numpy())
    share(kernels.measure_rows, batch * channels, _bits(x), *shape, *ends)
    return low, high


def _form(dtype: torch.dtype) -> Form:
    if dtype not in _KINDS:
        number = np.dtype(str(dtype).removeprefix("torch.")).type
        info = np.iinfo(number)
        return Form(kernels.INTEGER, number(0), number(info.min), number(info.max))
    width, kind = _KINDS[dtype]
    number = np.dtype(str(width).removeprefix("torch.")).type
    most = int(torch.tensor(torch.finfo(dtype).max, dtype=dtype, device="cpu").view(width))
    # The key of -y is that of y with all bits flipped.
    return Form(kind, number(np.iinfo(number).max), number(~most), number(most))


def _draws(x: Tensor, fractions: Fractions, limits: Limits | None) -> Drawn:
    work = arithmetic(x.dtype)
    nothing = np.empty(0, np.int64)
    empty = torch.empty(0, dtype=work, device="cpu").numpy()
    return Drawn(
        u=fractions.edges.to(work).contiguous().numpy(),
        v=empty.reshape(0, 0) if fractions.values is None else fractions.values.to(work).contiguous().numpy(),
        bins=nothing if fractions.bins is None else fractions.bins.numpy(),
        applied=np.empty(0, np.bool_) if fractions.applied is None else fractions.applied.contiguous().numpy(),
        low=empty if limits is None else limits[0].contiguous().view(-1).numpy(),
        high=empty if limits is None else limits[1].contiguous().view(-1).numpy(),
        placed=False,
    )


def _placed(draws: Drawn, book: Codebook) -> Drawn:
    """The same, with the bins themselves in place of fractions."""
    edges, values = (one.flatten(0, 1).contiguous().numpy() for one in book)
    return draws._replace(u=edges, v=values, placed=True)


@functools.cache
def _repeats(channels: int) -> int:
    """How many elements of each of few channels to take as one row: a row of whole vectors, then a long one."""
    counts = range(1, max(1, kernels.TILE // channels) + 1)
    return max(counts, key=lambda count: (math.gcd(count * channels, 64), count))


def _side_by_side(x: Tensor, dimension: int) -> bool:
    return x.shape[dimension] == 1 or x.stride(dimension) == 1


def _bits(x: Tensor) -> Array:
    """The bits of x from its first to its last element in memory, 1-d."""
    extent = 1 + sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    width, _ = _KINDS.get(x.dtype, (x.dtype, kernels.INTEGER))
    bits: Array = x.detach().as_strided((extent,), (1,)).view(width).numpy()
    return bits
