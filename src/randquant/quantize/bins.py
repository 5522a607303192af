"""Samples and keys in, their randomized quantization and the bins behind it out: for pages that show them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from randquant.quantize import eager
from randquant.quantize.arguments import Edges
from randquant.quantize.draw import fractions
from randquant.quantize.operation import randomized_quantize
from randquant.quantize.quantiles import quantile_book
from randquant.quantize.scope import INTEGERS, arithmetic


class Binned(NamedTuple):
    """One view of some samples, and the bins of every channel of every sample."""

    after: Tensor  # [B, C, ...], as the input
    edges: Tensor  # [B, C, R-1], where bins 1 to R-1 begin
    values: Tensor  # [B, C, R], what the elements of each bin become


def quantize_with_bins(
    x: Tensor, bins: int, keys: Tensor, limits: tuple[Tensor, Tensor] | None = None, edges: Edges = "random"
) -> Binned:
    """The view that `randomized_quantize(x, bins, edges=edges, limits=limits, keys=keys)` gives, with its bins.

    Args:
        x: [B, C, ...], of any dtype that can be quantized.
        bins: how many.
        keys: int64 [B].
        limits: low and high of each channel, [C] each, in place of the measured ranges; not for quantile edges.
        edges: as in `randomized_quantize`.
    """
    samples, channels = x.shape[:2]
    drawn = fractions(
        samples, channels, (bins, bins), uniform_edges=edges == "uniform", midpoint=False, p=1.0, shared=False,
        device=x.device, keys=keys,
    )  # fmt: skip
    if edges == "quantile":
        book = quantile_book(x.flatten(2), drawn)
    else:
        if limits is None:
            low, high = eager.measure(x.flatten(2))
        else:
            low, high = (end.to(arithmetic(x.dtype)).expand(samples, channels) for end in limits)
        book = eager.codebook(low, high, drawn, whole=x.dtype in INTEGERS)
    after = randomized_quantize(x, bins, edges=edges, limits=limits, keys=keys)
    return Binned(after, book.edges, book.values)
