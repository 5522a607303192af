"""Scopes and fractions in, quantized scopes out: fused for the GPU, in one launch wherever scopes can fill it.

A program reads its scopes from memory for their ranges, and then mostly from the cache. Where so few scopes hold all
elements that most of the GPU would rest, several programs share each scope: one launch measures, another maps.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import triton.language as tl
from torch import Tensor

from . import gpu_kernels as kernels
from .draw import Fractions
from .gpu_numbers import blocks, power_of_2
from .scope import INTEGERS, Limits, arithmetic

WARP = 1024  # elements that a warp holds in its registers; half as many if arithmetic is in float64
WARPS = 8  # of a program, at most
SCOPES = 256  # of a program, at most: each takes registers of its own
LINE = 128  # bytes that memory delivers together
WIDE = 2**30  # elements from which on offsets have 64 bits; whatever begins below it ends below 2^31

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
    x, out = _merged(x, out)
    plan = _plan(x, out)
    low = high = None
    if limits is not None:
        low, high = (limit.reshape(-1).contiguous() for limit in limits)
    elif plan.parts > 1:
        low, high = _ends(x, plan)
    drawn = fractions.edges, fractions.values, fractions.applied
    work = arithmetic(x.dtype)
    _launch(
        kernels.quantize,
        plan,
        x,
        *(out, *(None if part is None else part.contiguous() for part in drawn), low, high),
        *(*x.shape[1:], plan.parts, plan.reach, fractions.edges.shape[1] + 1, *x.stride(), *out.stride()),
        WORK=_NAMES[work],
        QUARTER=torch.finfo(work).max / 4,
    )


def measure(x: Tensor) -> Limits:
    """The smallest and largest finite value of each scope; see `reference.measure`."""
    samples, channels, _ = x.shape
    (x,) = _merged(x)
    low, high = _ends(x, _plan(x))
    work = arithmetic(x.dtype)
    return low.to(work).view(samples, channels), high.to(work).view(samples, channels)


def range_gradient(x: Tensor, gradient: Tensor, fractions: Fractions) -> Tensor:
    """What flows back to x [B, C, N] through its measured ranges, from the gradient of its quantization.

    One program walks all of a scope.
    """
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    x, gradient, result = _merged(x, gradient, out)
    plan = _plan(x, gradient, result, shared=False)
    drawn = fractions.edges, fractions.values, fractions.applied
    work = arithmetic(x.dtype)
    _launch(
        kernels.range_gradient,
        plan,
        x,
        *(gradient, result, *(None if part is None else part.contiguous() for part in drawn)),
        *(*x.shape[1:], fractions.edges.shape[1] + 1, *x.stride(), *gradient.stride(), *result.stride()),
        WORK=_NAMES[work],
        QUARTER=torch.finfo(work).max / 4,
    )
    return out


class Plan(NamedTuple):
    """How programs share the elements of scopes [B, C, N]."""

    across: int  # scopes of a tile
    along: int  # elements of each in it
    parts: int  # programs that share a scope
    reach: int  # elements of a scope that each of them walks along
    programs: int
    warps: int
    offsets: torch.dtype


def _plan(x: Tensor, *outs: Tensor, shared: bool = True) -> Plan:
    """How x is walked; `shared` says that several programs may share a scope."""
    return _planned(x.shape, tuple(t.stride() for t in (x, *outs)), x.dtype, x.device, shared)


@functools.lru_cache(maxsize=1024)  # planning anew costs the host as much as a launch, in every step of a training
def _planned(
    shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], dtype: torch.dtype, device: torch.device, shared: bool
) -> Plan:
    """The plan of tensors of one shape, whose strides are those of x first."""
    samples, channels, n = shape
    warp = WARP // 2 if arithmetic(dtype) == torch.float64 else WARP
    columns = strides[0][1] == 1 and strides[0][2] != 1
    line = min(LINE // dtype.itemsize, power_of_2(channels)) if columns else 1
    along = min(power_of_2(n), warp * WARPS // line)
    across = min(power_of_2(channels), max(line, warp // along), SCOPES)
    programs = samples * blocks(channels, across)

    tiles = blocks(n, along)
    processors = _processors(device)
    parts = 1 if not shared or programs >= 2 * processors else min(tiles, blocks(4 * processors, programs))
    reach = blocks(tiles, parts) * along
    parts = blocks(n, reach)

    extents = [sum(size * stride for size, stride in zip(shape, some, strict=True)) for some in strides]
    offsets = torch.int32 if max(extents) < WIDE else torch.int64
    return Plan(across, along, parts, reach, programs * parts, max(1, across * along // warp), offsets)


def _processors(device: torch.device) -> int:
    """The multiprocessors of a GPU; one for triton's interpreter, which runs on the CPU."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def _merged(*tensors: Tensor) -> tuple[Tensor, ...]:
    """[B, C, N] as [1, B x C, N] where strides allow it: tiles may then hold scopes of several samples."""
    channels = tensors[0].shape[1]
    if all(channels == 1 or t.stride(0) == channels * t.stride(1) for t in tensors):
        return tuple(t.flatten(0, 1).unsqueeze(0) for t in tensors)
    return tensors


def _ends(x: Tensor, plan: Plan) -> Limits:
    """The smallest and largest finite element of each scope [B x C], whole numbers if x holds such."""
    samples, channels, n = x.shape
    low = torch.empty(samples * channels, plan.parts, dtype=_end_type(x.dtype), device=x.device)
    high = torch.empty_like(low)
    _launch(kernels.measure, plan, x, low, high, channels, n, plan.parts, plan.reach, *x.stride())
    return low.amin(1), high.amax(1)


def _end_type(dtype: torch.dtype) -> torch.dtype:
    if dtype in INTEGERS:
        return torch.int64 if dtype == torch.int64 else torch.int32
    return arithmetic(dtype)


def _launch(kernel: Any, plan: Plan, x: Tensor, *arguments: Any, **constants: Any) -> None:
    """Run a kernel on the device of x, its first argument."""
    numbers = torch.iinfo(x.dtype) if x.dtype in INTEGERS else torch.finfo(x.dtype)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]
        kernel[(plan.programs,)](
            x,
            *arguments,
            **constants,
            ENDS=_NAMES[_end_type(x.dtype)],
            LOWEST=numbers.min,
            HIGHEST=numbers.max,
            INDEX=_NAMES[plan.offsets],
            BLOCK_C=plan.across,
            BLOCK_N=plan.along,
            num_warps=plan.warps,
            enable_fp_fusion=False,  # the definition rounds every product
        )
