"""Scopes and fractions in, quantized scopes out: fused for the GPU, in one launch wherever scopes can fill it.

A program reads its scopes from memory for their ranges, and then mostly from the cache. Where so few scopes hold all
elements that most of the GPU would rest, several programs share each scope: one launch measures, another maps.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from . import gpu_kernels as kernels
from .draw import Fractions
from .gpu_launch import Plan, launch
from .gpu_walk import Strides, Walk, walk
from .scope import INTEGERS, Limits, arithmetic

_NAMES = {
    torch.float32: tl.float32,
    torch.float64: tl.float64,
    torch.int32: tl.int32,
    torch.int64: tl.int64,
}


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
    plan, way = _plan(kernels.quantize, x, out)
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
    plan, _ = _plan(kernels.range_gradient, x, gradient, out, shared=False)
    launch(plan, (x, gradient, out, *_side_by_side(fractions)), fractions.edges.shape[1] + 1)
    return out


def _side_by_side(fractions: Fractions) -> tuple[Tensor | None, ...]:
    """Edges, values and which samples are quantized, as the kernels read them."""
    return tuple(
        [None if one is None else one.contiguous() for one in (fractions.edges, fractions.values, fractions.applied)]
    )


def _ends(x: Tensor) -> Limits:
    """The smallest and largest finite element of each scope [B x C], whole numbers if x holds such."""
    plan, way = _plan(kernels.measure, x)
    low = torch.empty(x.shape[0] * x.shape[1], way.parts, dtype=_end_type(x.dtype), device=x.device)
    high = torch.empty_like(low)
    launch(plan, (x, low, high))
    return low.amin(1), high.amax(1)


def _end_type(dtype: torch.dtype) -> torch.dtype:
    if dtype in INTEGERS:
        return torch.int64 if dtype == torch.int64 else torch.int32
    return arithmetic(dtype)


def _plan(kernel: Any, x: Tensor, *others: Tensor, shared: bool = True) -> tuple[Plan, Walk]:
    """How a kernel walks over x and others of its shape; `shared` says that several programs may share a scope."""
    strides = (x.stride(), *[one.stride() for one in others])
    return _planned(kernel, x.shape, strides, x.dtype, x.device, shared)


@functools.lru_cache(maxsize=1024)  # planning anew costs the host as much as a launch, in every step of a training
def _planned(
    kernel: Any,
    shape: tuple[int, ...],
    strides: tuple[Strides, ...],
    dtype: torch.dtype,
    device: torch.device,
    shared: bool,
) -> tuple[Plan, Walk]:
    """The plan of tensors of one shape, whose strides are those of x first."""
    way = walk(shape, strides, dtype, device, shared)
    work = arithmetic(dtype)
    limits = torch.iinfo(dtype) if dtype in INTEGERS else torch.finfo(dtype)
    constants = {
        "WORK": _NAMES[work],
        "QUARTER": torch.finfo(work).max / 4,
        "ENDS": _NAMES[_end_type(dtype)],
        "LOWEST": limits.min,
        "HIGHEST": limits.max,
        "INDEX": _NAMES[way.offsets],
        "BLOCK_C": way.across,
        "BLOCK_N": way.along,
    }
    return (
        Plan(
            kernel,
            (way.programs,),
            (*way.shape[1:], *((way.parts, way.reach) if shared else ()), *sum(way.strides, ())),
            {name: constant for name, constant in constants.items() if name in kernel.arg_names},
            {"num_warps": way.warps, "enable_fp_fusion": False},  # the definition rounds every product
        ),
        way,
    )
