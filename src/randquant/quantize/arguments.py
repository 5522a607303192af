"""What a caller gave the operation in, the same checked out; a `UserError` says what is wrong with it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Real
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.quantize.draw import Keys
from randquant.quantize.gradient import Gradient
from randquant.quantize.scope import FLOATS, INTEGERS, Limits, Per, Scopes, arithmetic

Edges = Literal["random", "uniform", "quantile"]
Values = Literal["random", "midpoint"]
BackendName = Literal["auto", "reference", "torch", "numba", "triton"]


def check_settings(
    bins: int | tuple[int, int],
    *,
    per: Per,
    edges: Edges,
    values: Values,
    p: float,
    gradient: Gradient,
    backend: BackendName,
) -> None:
    """`UserError` where a setting of `randomized_quantize` is wrong whatever the tensor."""
    ends(bins)
    _one_of("per", per, get_args(Per))
    _one_of("edges", edges, get_args(Edges))
    _one_of("values", values, get_args(Values))
    _one_of("gradient", gradient, get_args(Gradient))
    _one_of("backend", backend, get_args(BackendName))
    _probability("p", p)


def ends(bins: int | tuple[int, int]) -> tuple[int, int]:
    """The fewest and the most bins."""
    try:
        fewest, most = map(operator.index, bins if isinstance(bins, tuple | list) else (bins, bins))
    except (TypeError, ValueError):
        fewest, most = 0, 0
    if isinstance(bins, bool) or not 1 <= fewest <= most:
        raise UserError(f"bins: {bins!r} is no number of bins; give a whole number of at least 1, or (fewest, most)")
    return fewest, most


def given_keys(
    keys: int | Sequence[int] | Tensor | Keys, samples: int, x: Tensor, per: Per, generator: torch.Generator | None
) -> Keys:
    """The keys of the samples, on the device of x."""
    if generator is not None:
        raise UserError("keys: numbers come from keys or from a generator; leave one of them out")
    if per == "batch":
        raise UserError('keys: with per="batch" a view depends on the whole batch, not on a sample\'s key; drop one')
    given, root, words = keys if isinstance(keys, Keys) else Keys(cast(Tensor, keys))
    try:
        ids = torch.as_tensor(given, device=x.device)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"keys: {type(keys).__name__} given; keys are whole numbers of 64 bits, one a sample") from None
    if ids.dtype != torch.int64 or ids.ndim != 1:
        if ids.numel() and (ids.dtype == torch.bool or ids.is_floating_point() or ids.is_complex()):
            raise UserError(f"keys: {ids.dtype} given; keys are whole numbers, one a sample")
        ids = ids.to(torch.int64).reshape(-1)
    if ids.shape[0] != samples:
        raise UserError(f"keys: {len(ids)} given for {samples} samples; give one a sample")
    return Keys(ids, root, words)


def given_limits(limits: tuple[float | Tensor, float | Tensor], layout: Scopes, x: Tensor, per: Per) -> Limits:
    """Given limits, [B, C] each, in the type of arithmetic."""
    samples, channels, _ = layout.shape
    allowed = "a number" if per == "sample" else f"a number or a tensor of {channels}, one a channel"
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        raise UserError(f"limits: {type(limits).__name__} given; give (low, high), each {allowed}")
    ends = []
    for limit in limits:
        try:
            end = torch.as_tensor(limit, device=x.device).detach()
        except (TypeError, ValueError, RuntimeError):
            raise UserError(f"limits: {type(limit).__name__} given as an end; each is {allowed}") from None
        if end.is_complex() or end.ndim > 1 or (end.ndim == 1 and (per == "sample" or len(end) != channels)):
            raise UserError(f"limits: {end.dtype} of shape {tuple(end.shape)} given; each end is {allowed}")
        ends.append(end.to(arithmetic(x.dtype)).expand(samples, channels))
    low, high = ends
    if not bool((low.isfinite() & high.isfinite() & (low <= high)).all()):
        raise UserError(
            f"limits: from {low.amin():g} to {high.amax():g} as {low.dtype} given; "
            "both ends are finite in that type, and low is not above high"
        )
    return low, high


def check_tensor(name: str, x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise UserError(f"{name}: {type(x).__name__} given; give a torch.Tensor, torch.as_tensor makes one of an array")
    if x.dtype not in (*FLOATS, *INTEGERS):
        raise UserError(
            f"{name}: {x.dtype} given; allowed are float16, bfloat16, float32, float64, uint8 and int8 to int64"
        )
    if x.layout != torch.strided or x.is_nested:
        raise UserError(f"{name}: a tensor of layout {x.layout} given; give a dense one, x.to_dense()")
    if x.ndim == 0:
        raise UserError(f"{name}: a single number given; give a tensor with a channel dimension")


def _probability(name: str, given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= float(given) <= 1:
        raise UserError(f"{name}: {given!r} is not a probability; give a number from 0 to 1")


def _one_of(name: str, given: object, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise UserError(f"{name}: {given!r} given; allowed are {', '.join(allowed)}")


def check_out(out: Tensor, x: Tensor, needs_gradient: bool) -> None:
    check_tensor("out", out)
    if (out.shape, out.dtype, out.device) != (x.shape, x.dtype, x.device):
        raise UserError(
            f"out: {out.dtype} of shape {tuple(out.shape)} on {out.device} given; "
            f"x needs {x.dtype} of shape {tuple(x.shape)} on {x.device}"
        )
    if needs_gradient or (out.requires_grad and torch.is_grad_enabled()):
        raise UserError("out: gradients cannot flow through it; call without out, or under torch.no_grad()")
    if any(size > 1 and stride == 0 for size, stride in zip(out.shape, out.stride(), strict=True)):
        raise UserError("out: several elements share one place in memory; give a tensor that was not expanded")
    same = out.data_ptr() == x.data_ptr() and out.stride() == x.stride()
    if x.numel() and not same and _extent(out)[0] < _extent(x)[1] and _extent(x)[0] < _extent(out)[1]:
        raise UserError("out: it overlaps x in memory; give x itself, or memory of its own")


def _extent(x: Tensor) -> tuple[int, int]:
    """The addresses of the first byte of x and of the first byte behind it."""
    last = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True) if size)
    return x.data_ptr(), x.data_ptr() + (last + 1) * x.element_size()
