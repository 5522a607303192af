"""Scopes and fractions in, quantized scopes out: fused for the GPU, in one launch wherever scopes can fill it.

A program reads its scopes from memory for their ranges, and then mostly from the cache. Where so few scopes hold all
elements that most of the GPU would rest, several programs share each scope: one launch measures, another maps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.quantize.draw import Fractions
from randquant.quantize.gpu import kernels
from randquant.quantize.gpu.keyed import form as form
from randquant.quantize.gpu.launch import launch
from randquant.quantize.gpu.plan import end_type, plan_of
from randquant.quantize.scope import Limits, arithmetic


def quantize(
    x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None, among: Tensor | None = None
) -> None:
    """Write the quantized x to out; arguments as in `reference.quantize`.

    Raises:
        NotImplementedError: quantile edges, which `randomized_quantize` never asks of this backend.
    """
    if among is not None:
        raise NotImplementedError("quantile edges")
    if x.numel() == 0:
        return
    plan, way = plan_of(kernels.quantize, x, out)
    low = high = None
    if limits is not None:
        low, high = (limit.reshape(-1).contiguous() for limit in limits)
    elif way.parts > 1:
        low, high = _ends(x)
    launch(plan, (x, out, *_side_by_side(fractions), low, high), fractions.edges.shape[1] + 1)


def measure(x: Tensor) -> Limits:
    """The smallest and largest finite value of each scope; see `reference.measure`."""
    low, high = _ends(x)
    work = arithmetic(x.dtype)
    return low.to(work).view(x.shape[:2]), high.to(work).view(x.shape[:2])


def range_gradient(x: Tensor, gradient: Tensor, fractions: Fractions) -> Tensor:
    """What flows back to x [B, C, N] through its measured ranges, from the gradient of its quantization.

    One program walks all of a scope.
    """
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    plan, _ = plan_of(kernels.range_gradient, x, gradient, out, shared=False)
    launch(plan, (x, gradient, out, *_side_by_side(fractions)), fractions.edges.shape[1] + 1)
    return out


def _side_by_side(fractions: Fractions) -> tuple[Tensor | None, ...]:
    """Edges, values and which samples are quantized, as the kernels read them."""
    return tuple(
        [None if one is None else one.contiguous() for one in (fractions.edges, fractions.values, fractions.applied)]
    )


def _ends(x: Tensor) -> Limits:
    """The smallest and largest finite element of each scope [B x C], whole numbers if x holds such."""
    plan, way = plan_of(kernels.measure, x)
    low = torch.empty(x.shape[0] * x.shape[1], way.parts, dtype=end_type(x.dtype), device=x.device)
    high = torch.empty_like(low)
    launch(plan, (x, low, high))
    return low.amin(1), high.amax(1)
