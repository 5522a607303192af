"""Elements and fractions in, bins whose edges and values are quantiles of the elements out, and what flows back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from randquant.quantize.draw import Fractions
from randquant.quantize.scope import arithmetic


class Codebook(NamedTuple):
    """The bins of every scope, in the type of arithmetic."""

    edges: Tensor  # [B, C, R-1], where bins 1 to R-1 begin; inf where a scope has fewer
    values: Tensor  # [B, C, R]


class Places(NamedTuple):
    """Where quantiles lie among M sorted elements: between two neighbours."""

    order: Tensor  # int64 [B, C, M], the elements from the smallest to the largest; those that are not finite are last
    before: Tensor  # int64 [B, C, Q], the place of the lower neighbour
    share: Tensor  # float64 [B, C, Q], how much of the way to the upper one, in [0, 1)


def quantile_book(among: Tensor, fractions: Fractions) -> Codebook:
    """The bins of scopes whose edges and values are quantiles; see `reference.quantile_scope`.

    Args:
        among: [B, C, M], the elements whose quantiles are meant.
        fractions: the draws of the B x C scopes.
    """
    work = arithmetic(among.dtype)
    inner, inside = _shares(fractions, among)
    shared = among.stride(0) == 0 and len(among) > 1  # one set of elements for all samples: sorted once
    rows = (among[:1] if shared else among).to(work)
    places = _places(rows, torch.cat([inner.clamp(max=1), inside], -1))
    found = _quantiles(rows, places).to(work)
    edges, values = found[..., : inner.shape[-1]], found[..., inner.shape[-1] :]
    return Codebook(edges.masked_fill(inner.isinf(), torch.inf), values)


def add_through_quantiles(result: Tensor, g: Tensor, values: Tensor, fractions: Fractions, book: Codebook) -> None:
    """Add to [B, C, N] the gradient of quantized elements with respect to those that their bins' values lie between.

    Args:
        g: the gradient of the quantized elements, 0 elsewhere.
        values: the elements before.
        fractions: the draws.
        book: the bins that they gave.
    """
    inside = _shares(fractions, values)[1]
    places = _places(values.to(book.values.dtype), inside)
    bins = torch.searchsorted(book.edges.contiguous(), values.to(book.edges.dtype).contiguous(), right=True)
    of_bin = torch.zeros_like(book.values).scatter_add_(-1, bins, g.to(book.values.dtype))  # [B, C, R]
    after = (places.before + 1).clamp(max=values.shape[-1] - 1)
    upper = (of_bin * places.share).to(result.dtype)
    result.scatter_add_(-1, places.order.gather(-1, places.before), of_bin.to(result.dtype) - upper)
    result.scatter_add_(-1, places.order.gather(-1, after), upper)


def _shares(fractions: Fractions, like: Tensor) -> tuple[Tensor, Tensor]:
    """Which quantile each inner edge is, float64 [B, C, R-1], inf where there is none, and each value, [B, C, R]."""
    inner = fractions.edges.view(*like.shape[:2], -1).double()
    whole = inner.clamp(max=1)
    left = torch.cat([inner.new_zeros(*inner.shape[:2], 1), whole], -1)
    right = torch.cat([whole, inner.new_ones(*inner.shape[:2], 1)], -1)
    if fractions.values is None:
        return inner, (left + right) / 2
    return inner, left + fractions.values.view_as(left).double() * (right - left)


def _places(values: Tensor, shares: Tensor) -> Places:
    """The places of the shares [B, C, Q] among the finite of the values [B or 1, C, M]."""
    finite = values.isfinite()
    order = torch.where(finite, values, torch.inf).argsort(dim=-1, stable=True)
    last = (finite.sum(-1, keepdim=True) - 1).clamp(min=0)  # [B, C, 1]
    place = shares * last
    before = place.floor().long().clamp(max=values.shape[-1] - 1)
    return Places(order, before, place - before)


def _quantiles(values: Tensor, places: Places) -> Tensor:
    """The quantiles at some places, float64 [B, C, Q]; exact where neighbours are equal."""
    ordered = values.gather(-1, places.order).double()
    ordered = ordered.expand(len(places.before), -1, -1)
    lower = ordered.gather(-1, places.before)
    upper = ordered.gather(-1, (places.before + 1).clamp(max=values.shape[-1] - 1))
    between = lower * (1 - places.share) + upper * places.share
    return torch.where(
        (places.share == 0) | (lower == upper), lower, torch.minimum(torch.maximum(between, lower), upper)
    )
