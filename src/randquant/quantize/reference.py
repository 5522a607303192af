"""Scopes and fractions in, quantized scopes out: the definition, slow and obvious.

Every faster backend is tested against this file. For one scope, with a and b its smallest and largest finite value:

    edges   e_j = u_j (b - a) + a                      u ascending, R - 1 of them
    bins    bin 0 begins at a, bin j at e_j; each ends where the next begins, the last one at the top
    values  left + v (right - left), or (left + right) / 2
    output  an element's value is that of the last bin that begins at or below it

The top is b + 1e-6, as in the published module, except for integers and for ranges below 1e-3 (volts of an EEG),
where it is b.
Elements beyond given limits fall into the outer bins. NaN and infinities stay where they are.

With quantile edges the same is done in shares of the elements instead of shares of the range: with Q(q) the quantile
of the finite elements, linear between neighbours, e_j = Q(u_j), and a bin from the share l to the share r has the value
Q(l + v (r - l)), or Q((l + r) / 2). A few far elements then move no other element's bin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.quantize.draw import Fractions
from randquant.quantize.scope import INTEGERS, Limits, arithmetic


def quantize(
    x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None, among: Tensor | None = None
) -> None:
    """Write the quantized x to out.

    Args:
        x, out: [B, C, N], the same dtype, any strides.
        fractions: the draws of the B x C scopes.
        limits: low and high, [B, C], instead of each scope's own.
        among: [B, C, M], the elements whose quantiles edges and values are; None for edges in the range.
    """
    batch, channels, _ = x.shape
    for b in range(batch):
        for c in range(channels):
            s = b * channels + c
            if fractions.applied is not None and not fractions.applied[s]:
                out[b, c] = x[b, c]
                continue
            bins = fractions.edges.shape[1] + 1 if fractions.bins is None else int(fractions.bins[s])
            u = fractions.edges[s, : bins - 1]
            v = None if fractions.values is None else fractions.values[s, :bins]
            if among is None:
                ends = None if limits is None else (limits[0][b, c], limits[1][b, c])
                out[b, c] = quantize_scope(x[b, c], u, v, ends)
            else:
                out[b, c] = quantile_scope(x[b, c], u, v, among[b, c])


def measure(x: Tensor) -> Limits:
    """The smallest and largest finite value of each scope: [B, C, N] to two [B, C] in the type of arithmetic.

    A scope without a finite value gives inf and -inf.
    """
    work = x.to(arithmetic(x.dtype))
    finite = work.isfinite()
    return torch.where(finite, work, torch.inf).amin(-1), torch.where(finite, work, -torch.inf).amax(-1)


def quantize_scope(x: Tensor, u: Tensor, v: Tensor | None, limits: Limits | None = None) -> Tensor:
    """Quantize one scope [N] with edge fractions u [R-1] and value fractions v [R]; differentiable."""
    work = x.to(arithmetic(x.dtype))
    finite = work.isfinite()
    if not finite.any():
        return x.clone()
    low, high = limits if limits is not None else (work[finite].amin(), work[finite].amax())
    low, high, u = low.to(work.dtype), high.to(work.dtype), u.to(work.dtype)

    # A range near the end of the type would overflow; a quarter of it does not, and loses no bit.
    huge = torch.maximum(low.abs(), high.abs()) >= torch.finfo(work.dtype).max / 4
    scale = 0.25 if huge else 1.0
    low, high = low * scale, high * scale

    span = high - low
    top = high if x.dtype in INTEGERS or 0 < span < 1e-3 else high + 1e-6
    edges = u * span + low
    left = torch.cat([low[None], edges])
    right = torch.cat([edges, top[None]])
    values = (left + right) / 2 if v is None else left + v.to(work.dtype) * (right - left)

    edges, values = edges / scale, values / scale
    return _assigned(x, edges, values, limits)


def quantile_scope(x: Tensor, u: Tensor, v: Tensor | None, among: Tensor) -> Tensor:
    """Quantize one scope [N] by quantiles of `among` [M]; differentiable through both."""
    work = among.to(arithmetic(x.dtype))
    ordered = work[work.isfinite()].sort(stable=True).values
    if not len(ordered):
        return x.clone()
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    inner = u.cpu().double()
    left, right = torch.cat([zero, inner]), torch.cat([inner, one])
    inside = (left + right) / 2 if v is None else left + v.cpu().double() * (right - left)
    edges = [_quantile(ordered, float(share)) for share in inner]
    values = [_quantile(ordered, float(share)) for share in inside]
    return _assigned(x, torch.stack(edges) if edges else work[:0], torch.stack(values), None)


def _quantile(ordered: Tensor, share: float) -> Tensor:
    """The quantile of sorted elements, linear between neighbours, in float64 and then rounded to their type."""
    place = share * (len(ordered) - 1)
    before = int(place)
    lower = ordered[before].double()
    if place == before or ordered[before] == ordered[before + 1]:
        return ordered[before]
    upper = ordered[before + 1].double()
    between = lower * (1 - (place - before)) + upper * (place - before)
    return torch.minimum(torch.maximum(between, lower), upper).to(ordered.dtype)


def _assigned(x: Tensor, edges: Tensor, values: Tensor, limits: Limits | None) -> Tensor:
    """Every finite element's bin and that bin's value, in the type of x."""
    work = x.to(arithmetic(x.dtype))
    chosen = values[(work[:, None] >= edges[None, :]).sum(1)]  # [N]
    if x.dtype in INTEGERS:
        return _integers(chosen, x, limits)
    kept = torch.finfo(x.dtype)  # given limits may lie beyond the type
    return torch.where(work.isfinite(), chosen.clamp(kept.min, kept.max).to(x.dtype), x)


def _integers(chosen: Tensor, x: Tensor, limits: Limits | None) -> Tensor:
    """Round half to even, then clamp to the scope's own range (given limits: their rounded range)."""
    info = torch.iinfo(x.dtype)
    if limits is None:
        low, high = int(x.min()), int(x.max())
    else:
        low, high = (min(max(round(float(limit)), info.min), info.max) for limit in limits)
    # Python's integers: float64 rounds the ends of int64 to numbers outside it.
    return torch.tensor([min(max(round(v), low), high) for v in chosen.tolist()], dtype=x.dtype, device=x.device)
