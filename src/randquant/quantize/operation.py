"""A tensor and settings in, its randomized quantization out: arguments checked, numbers drawn, a backend chosen."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Literal, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.quantize import draw
from randquant.quantize.gradient import Backend, Gradient, Quantize, write
from randquant.quantize.scope import FLOATS, INTEGERS, Limits, Per, Scopes, arithmetic, scopes

Edges = Literal["random", "uniform", "quantile"]
Values = Literal["random", "midpoint"]
BackendName = Literal["auto", "reference", "torch", "numba", "triton"]

P = ParamSpec("P")
Result = TypeVar("Result")

_BACKENDS = {  # name: module, the library it needs, the device it runs on
    "reference": ("reference", "torch", None),
    "torch": ("eager", "torch", None),
    "numba": ("cpu_numba", "numba", "cpu"),
    "triton": ("gpu_triton", "triton", "cuda"),
}


def outside_graphs(function: Callable[P, Result]) -> Callable[P, Result]:
    """Let `torch.compile` call the function as it is: what it draws stays out of compiled graphs."""
    return cast(Callable[P, Result], torch.compiler.disable(function))  # type: ignore[no-untyped-call]


@outside_graphs
def randomized_quantize(
    x: Tensor,
    bins: int | tuple[int, int] = 8,
    *,
    channel_dim: int = 1,
    batch_dim: int | None = 0,
    per: Per = "channel",
    edges: Edges = "random",
    values: Values = "random",
    p: float = 1.0,
    limits: tuple[float | Tensor, float | Tensor] | None = None,
    gradient: Gradient = "range",
    generator: torch.Generator | None = None,
    keys: int | Sequence[int] | Tensor | None = None,
    backend: BackendName = "auto",
    out: Tensor | None = None,
) -> Tensor:
    """Cut each channel of each sample into randomly placed bins; every value becomes one random value of its bin.

    Randomized quantization (Wu et al., "Randomized Quantization: A Generic Augmentation for Data Agnostic
    Self-supervised Learning", ICCV 2023). From the same `torch.manual_seed`, float32 on the CPU in NCHW gives the
    bits of the published module `RandomizedQuantizationAugModule(bins)`, wherever that runs and a channel's range is 0
    or at least 1e-3.

    Args:
        x: any rank, any strides; float16, bfloat16, float32, float64, uint8, int8, int16, int32 or int64.
        bins: how many bins R >= 1, or an inclusive range (fewest, most) that each sample draws its own from.
        channel_dim: the dimension that holds the channels.
        batch_dim: the dimension that holds the samples; None for a single sample.
        per: "channel", each channel of each sample has bins of its own; "sample", one set of bins for all channels of
            a sample (the paper's instance-wise variant; channel_dim plays no part); "batch", one set for a channel,
            over the range that the whole batch has in it.
        edges: "random", uniform in the range; "uniform", equal steps; "quantile", random too, but among the elements
            instead of in the range: a bin holds a random share of the elements, and its value is one of theirs, or
            between two. A few far elements then eat no bins. Not with limits. Costs a sort.
        values: "random", uniform in the bin; "midpoint", its middle.
        p: the probability that a sample is quantized at all.
        limits: low and high, numbers or tensors [C], in place of the measured range; elements beyond fall into the
            outer bins. Tables need them: one value has no range of its own.
        gradient: "range", through the smallest and the largest element of each range alone, as in the published
            module; "straight_through", as if x had not been changed; "none". What is not quantized passes its own.
        generator: where the numbers come from, default torch's own; not together with keys.
        keys: sample ids (whole numbers, one a sample). A sample's view then depends on its key alone, not on
            batch, order, worker, rank, backend or device.
        backend: "auto" takes numba on the CPU, triton on a CUDA device and torch elsewhere, but triton has no
            quantile edges: there it takes torch. A named backend never gives way to another.
        out: where to write the result; of x's shape, dtype and device, x itself if you like. Not with gradients.

    Returns:
        A tensor like x, or `out`. Integers are rounded half to even and stay in their scope's range; NaN and
        infinities stay where they are, and ranges come from the finite values.

    Raises:
        UserError: an argument is not what it may be; the message says what is.
    """
    _check_tensor("x", x)
    check_settings(bins, per=per, edges=edges, values=values, p=p, gradient=gradient, backend=backend)
    layout = scopes(x, channel_dim, batch_dim, per)
    samples, channels, size = layout.shape
    quantiles = edges == "quantile"
    chosen = _backend(backend, x, quantiles)
    if generator is not None and not isinstance(generator, torch.Generator):
        raise UserError(f"generator: {type(generator).__name__} given; give a torch.Generator, or leave it out")
    ranges = None if limits is None else _limits(limits, layout, x, per)
    ids = None if keys is None else _keys(keys, samples, x, per, generator)
    if quantiles and limits is not None:
        raise UserError('limits: edges="quantile" lie among the elements, whatever their range; leave limits out')
    needs_gradient = x.requires_grad and torch.is_grad_enabled()
    if out is not None:
        _check_out(out, x, needs_gradient)
    if x.numel() == 0:
        return x.clone() if out is None else out
    if ranges is None and size == 1 and not (per == "batch" and samples > 1):
        advice = "give limits=(low, high), for a table those of its columns"
        if quantiles:
            advice = 'quantiles need several: give per="batch", for a table, or other edges'
        raise UserError(f"x: each {per} of shape {tuple(x.shape)} holds one element, which has no range; {advice}")

    shared = per == "batch"
    fractions = draw.fractions(
        samples,
        channels,
        _ends(bins),
        uniform_edges=edges == "uniform",
        midpoint=values == "midpoint",
        p=p,
        shared=shared,
        device=x.device,
        generator=generator,
        keys=ids,
    )
    measured_together = shared and ranges is None and not quantiles
    ends = None
    if measured_together:
        every = layout.of(x.detach())
        low, high = chosen.measure(every)
        ranges = low.amin(0).expand_as(low), high.amax(0).expand_as(high)
        if x.dtype == torch.int64:  # the ends of a range may be no float64
            ends = every.amin((0, 2)).unsqueeze(-1), every.amax((0, 2)).unsqueeze(-1)  # [C, 1]
    if needs_gradient:
        together = shared if quantiles else measured_together
        return cast(Tensor, Quantize.apply(x, chosen, layout, fractions, ranges, together, quantiles, gradient))
    result = torch.empty_like(x) if out is None else out
    write(x.detach(), result, chosen, layout, fractions, ranges, quantiles=quantiles, shared=shared)
    if ends is not None:
        result.copy_(layout.restore(layout.of(result).clamp(*ends), like=result))
    if out is not None:
        torch.autograd.graph.increment_version(out)  # a kernel's writing is nothing that autograd sees
    return result


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
    _ends(bins)
    _check_choice("per", per, ("channel", "sample", "batch"))
    _check_choice("edges", edges, ("random", "uniform", "quantile"))
    _check_choice("values", values, ("random", "midpoint"))
    _check_choice("gradient", gradient, ("range", "straight_through", "none"))
    _check_choice("backend", backend, ("auto", *_BACKENDS))
    _check_probability("p", p)


def _ends(bins: int | tuple[int, int]) -> tuple[int, int]:
    """The fewest and the most bins."""
    try:
        fewest, most = map(operator.index, bins if isinstance(bins, tuple | list) else (bins, bins))
    except (TypeError, ValueError):
        fewest, most = 0, 0
    if isinstance(bins, bool) or not 1 <= fewest <= most:
        raise UserError(f"bins: {bins!r} is no number of bins; give a whole number of at least 1, or (fewest, most)")
    return fewest, most


def _backend(name: str, x: Tensor, quantiles: bool) -> Backend:
    """The module of a backend; `UserError` where it is not installed, for another device, or lacks quantile edges."""
    if name == "triton" and quantiles:
        raise UserError('backend: "triton" has no edges="quantile"; give backend="torch" or "auto"')
    if name == "auto":
        name = {"cpu": "numba", "cuda": "torch" if quantiles else "triton"}.get(x.device.type, "torch")
        if not _installed(_BACKENDS[name][1]):
            name = "torch"
    module, library, device = _BACKENDS[name]
    if not _installed(library):
        raise UserError(f'backend: "{name}" needs the library {library}; install it, or give backend="auto"')
    if device not in (None, x.device.type):
        raise UserError(f'backend: "{name}" runs on {device} and x is on {x.device}; move x, or give backend="auto"')
    return cast(Backend, importlib.import_module(f"{__package__}.{module}"))


@functools.cache
def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _keys(
    keys: int | Sequence[int] | Tensor, samples: int, x: Tensor, per: Per, generator: torch.Generator | None
) -> Tensor:
    if generator is not None:
        raise UserError("keys: numbers come from keys or from a generator; leave one of them out")
    if per == "batch":
        raise UserError('keys: with per="batch" a view depends on the whole batch, not on a sample\'s key; drop one')
    try:
        ids = torch.as_tensor(keys, device=x.device)
    except (TypeError, ValueError, RuntimeError):
        raise UserError(f"keys: {type(keys).__name__} given; keys are whole numbers of 64 bits, one a sample") from None
    if ids.numel() and (ids.dtype == torch.bool or ids.is_floating_point() or ids.is_complex()):
        raise UserError(f"keys: {ids.dtype} given; keys are whole numbers, one a sample")
    if ids.dtype != torch.int64 or ids.ndim != 1:
        ids = ids.to(torch.int64).reshape(-1)
    if ids.shape[0] != samples:
        raise UserError(f"keys: {len(ids)} given for {samples} samples; give one a sample")
    return ids


def _limits(limits: tuple[float | Tensor, float | Tensor], layout: Scopes, x: Tensor, per: Per) -> Limits:
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


def _check_tensor(name: str, x: Tensor) -> None:
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


def _check_probability(name: str, given: object) -> None:
    if isinstance(given, bool) or not isinstance(given, Real) or not 0 <= float(given) <= 1:
        raise UserError(f"{name}: {given!r} is not a probability; give a number from 0 to 1")


def _check_choice(name: str, given: object, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise UserError(f"{name}: {given!r} given; allowed are {', '.join(allowed)}")


def _check_out(out: Tensor, x: Tensor, needs_gradient: bool) -> None:
    _check_tensor("out", out)
    if (out.shape, out.dtype, out.device) != (x.shape, x.dtype, x.device):
        raise UserError(
            f"out: {out.dtype} of shape {tuple(out.shape)} on {out.device} given; "
            f"x needs {x.dtype} of shape {tuple(x.shape)} on {x.device}"
        )
    if needs_gradient or out.requires_grad:
        raise UserError("out: gradients cannot flow through it; call without out, or under torch.no_grad()")
    if any(size > 1 and stride == 0 for size, stride in zip(out.shape, out.stride(), strict=True)):
        raise UserError("out: several elements share one place in memory; give a tensor that was not expanded")
    same = out.data_ptr() == x.data_ptr() and out.stride() == x.stride()
    if not same and _extent(out)[0] < _extent(x)[1] and _extent(x)[0] < _extent(out)[1]:
        raise UserError("out: it overlaps x in memory; give x itself, or memory of its own")


def _extent(x: Tensor) -> tuple[int, int]:
    """The addresses of the first byte of x and of the first byte behind it."""
    last = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True) if size)
    return x.data_ptr(), x.data_ptr() + (last + 1) * x.element_size()
