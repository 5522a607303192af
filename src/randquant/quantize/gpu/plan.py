"""A kernel, shape, strides and type of its scopes in, how it runs out: planned once for all tensors that are alike."""

from __future__ import annotations

import functools
from typing import Any

import torch
import triton.language as tl
from torch import Tensor

from randquant.quantize.gpu.launch import Plan
from randquant.quantize.gpu.walk import Strides, Walk, walk
from randquant.quantize.scope import INTEGERS, arithmetic

_NAMES = {
    torch.float32: tl.float32,
    torch.float64: tl.float64,
    torch.int32: tl.int32,
    torch.int64: tl.int64,
}


def end_type(dtype: torch.dtype) -> torch.dtype:
    """The type that smallest and largest elements are kept in."""
    if dtype in INTEGERS:
        return torch.int64 if dtype == torch.int64 else torch.int32
    return arithmetic(dtype)


def plan_of(kernel: Any, x: Tensor, *others: Tensor, shared: bool = True) -> tuple[Plan, Walk]:
    """How a kernel walks over x and others of its shape; `shared` says that several programs may share a scope."""
    strides = (x.stride(), *[one.stride() for one in others])
    return planned(kernel, x.shape, strides, x.dtype, x.device, shared)


@functools.lru_cache(maxsize=1024)  # planning anew costs the host as much as a launch, in every step of a training
def planned(
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
        "ENDS": _NAMES[end_type(dtype)],
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
