"""Scopes and fractions in, quantized scopes out: the definition, slow and obvious.

Every faster backend is tested against this file. For one scope, with a and b its smallest and largest finite value:

    edges   e_j = u_j (b - a) + a                      u ascending, R - 1 of them
    bins    bin 0 begins at a, bin j at e_j; each ends where the next begins, the last one at the top
    values  left + v (right - left), or (left + right) / 2
    output  an element's value is that of the last bin that begins at or below it

The top is b + 1e-6, as in the published module, except for integers and for ranges below 1e-3 (volts of an EEG),
where it is b.
Elements beyond given limits fall into the outer bins. NaN and infinities stay where they are.
"""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.quantize.draw import Fractions
from randquant.quantize.scope import INTEGERS, Limits, arithmetic


def quantize(x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None) -> None:
    """Write the quantized x to out.

    Args:
        x, out: [B, C, N], the same dtype, any strides.
        fractions: the draws of the B x C scopes.
        limits: low and high, [B, C], instead of each scope's own.
    """
    batch, channels, _ = x.shape
    for b in range(batch):
        for c in range(channels):
            s = b * channels + c
            if fractions.applied is not None and not fractions.applied[s]:
                out[b, c] = x[b, c]
                continue
            bins = fractions.edges.shape[1] + 1 if fractions.bins is None else int(fractions.bins[s])
            out[b, c] = quantize_scope(
                x[b, c],
                fractions.edges[s, : bins - 1],
                None if fractions.values is None else fractions.values[s, :bins],
                None if limits is None else (limits[0][b, c], limits[1][b, c]),
            )


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
    bin_of = (work[:, None] >= edges[None, :]).sum(1)  # [N]
    chosen = values[bin_of]
    if x.dtype in INTEGERS:
        return _integers(chosen, x, limits)
    kept = torch.finfo(x.dtype)  # given limits may lie beyond the type
    return torch.where(finite, chosen.clamp(kept.min, kept.max).to(x.dtype), x)


def _integers(chosen: Tensor, x: Tensor, limits: Limits | None) -> Tensor:
    """Round half to even, then clamp to the scope's own range (given limits: their rounded range)."""
    info = torch.iinfo(x.dtype)
    if limits is None:
        low, high = int(x.min()), int(x.max())
    else:
        low, high = (min(max(round(float(limit)), info.min), info.max) for limit in limits)
    # Python's integers: float64 rounds the ends of int64 to numbers outside it.
    return torch.tensor([min(max(round(v), low), high) for v in chosen.tolist()], dtype=x.dtype, device=x.device)
