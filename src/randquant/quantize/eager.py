"""Scopes and fractions in, quantized scopes out: plain torch, any device, any dtype."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.quantize.draw import Fractions
from randquant.quantize.quantiles import Codebook, quantile_book
from randquant.quantize.scope import INTEGERS, Limits, arithmetic

_BYTES = (torch.uint8, torch.int8)
_FEW = 40  # edges


def quantize(
    x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None, among: Tensor | None = None
) -> None:
    """Write the quantized x to out; arguments as in `reference.quantize`."""
    if among is None:
        low, high = limits if limits is not None else measure(x)
        book = codebook(low, high, fractions, whole=x.dtype in INTEGERS)
    else:
        book = quantile_book(among, fractions)
    work = book.values.dtype
    applied = None if fractions.applied is None else fractions.applied.view(*x.shape[:2], 1)
    if x.dtype in INTEGERS:
        book = Codebook(book.edges, book.values.round())
        ends = _integer_ends(x, limits)
    if x.dtype in _BYTES:
        # Each of the 256 values is quantized once; elements are then looked up.
        first = torch.iinfo(x.dtype).min
        every = torch.arange(first, first + 256, device=x.device).expand(*x.shape[:2], 256)
        table = _integers(book.values.gather(-1, bin_index(every.to(work), book)), x.dtype, *ends)  # [B, C, 256]
        if applied is not None:
            table = torch.where(applied, table, every.to(x.dtype))
        for sample, rows, target in zip(x, table, out, strict=True):  # one by one: a look-up needs int64
            target.copy_(rows.gather(-1, sample.long() - first))
        return
    chosen = book.values.gather(-1, bin_index(x.to(work), book))
    if x.dtype in INTEGERS:
        quantized, keep = _integers(chosen, x.dtype, *ends), None
    else:
        kept = torch.finfo(x.dtype)  # given limits may lie beyond the type
        quantized, keep = chosen.clamp(kept.min, kept.max).to(x.dtype), x.isfinite()
    for mask in (keep, applied):
        if mask is not None:
            quantized = torch.where(mask, quantized, x)
    out.copy_(quantized)


def measure(x: Tensor, finite: Tensor | None = None) -> Limits:
    """The smallest and largest finite value of each scope; see `reference.measure`.

    Args:
        x: [B, C, N].
        finite: which elements are, where that is known already.
    """
    if x.dtype in INTEGERS:
        work = arithmetic(x.dtype)
        return x.amin(-1).to(work), x.amax(-1).to(work)
    finite = x.isfinite() if finite is None else finite
    low = torch.where(finite, x, torch.inf).amin(-1)
    high = torch.where(finite, x, -torch.inf).amax(-1)
    return low.to(arithmetic(x.dtype)), high.to(arithmetic(x.dtype))


def codebook(low: Tensor, high: Tensor, fractions: Fractions, *, whole: bool) -> Codebook:
    """Edges and values from the limits [B, C] of each scope; `whole` says that its numbers are."""
    quarter = torch.maximum(low.abs(), high.abs()) >= torch.finfo(low.dtype).max / 4
    scale = torch.where(quarter, 0.25, 1.0).to(low.dtype).unsqueeze(-1)
    low, high = low.unsqueeze(-1) * scale, high.unsqueeze(-1) * scale  # [B, C, 1]
    span = high - low
    top = high if whole else torch.where((span > 0) & (span < 1e-3), high, high + 1e-6)
    u = fractions.edges.view(*low.shape[:2], -1).to(low.dtype)
    edges = torch.where(u.isinf(), u, u * span + low)
    left = torch.cat([low, edges], -1)
    right = torch.minimum(torch.cat([edges, top], -1), top)  # the last bin of fewer ends at the top, not at inf
    if fractions.values is None:
        values = (left + right) / 2
    else:
        values = left + fractions.values.view_as(left).to(low.dtype) * (right - left)
    return Codebook(edges / scale, values / scale)


def bin_index(work: Tensor, book: Codebook) -> Tensor:
    """The bin of each element: [B, C, N] in the type of arithmetic to int64 of the same shape.

    On the CPU, few edges are counted faster than they are searched, in whatever order the elements lie.
    """
    if book.edges.shape[-1] > _FEW or not work.is_cpu:
        return torch.searchsorted(book.edges.contiguous(), work.contiguous(), right=True)
    passed = torch.zeros_like(work, dtype=torch.uint8)
    for edge in book.edges.unsqueeze(-2).unbind(-1):  # [B, C, 1]
        passed += work >= edge
    return passed.long()


def _integer_ends(x: Tensor, limits: Limits | None) -> Limits:
    """The range that rounded values are clamped to: two int64 [B, C, 1]."""
    if limits is None:
        return x.amin(-1, keepdim=True).long(), x.amax(-1, keepdim=True).long()
    low, high = (_saturated(limit.round(), x.dtype).unsqueeze(-1) for limit in limits)
    return low, high


def _integers(rounded: Tensor, dtype: torch.dtype, low: Tensor, high: Tensor) -> Tensor:
    return _saturated(rounded, dtype).clamp(low, high).to(dtype)


def _saturated(rounded: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole floating-point numbers to int64 inside the range of dtype; int64's own end is no float64."""
    info = torch.iinfo(dtype)
    inside = rounded.clamp(float(info.min), float(info.max))
    return torch.where(inside >= 2.0**63, info.max, inside.clamp(max=2.0**63 - 1024).long())
