"""A tensor and settings in, its randomized quantization out: arguments checked, numbers drawn, a backend chosen."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Hashable, Sequence
from typing import ParamSpec, TypeVar, cast

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.quantize import draw
from randquant.quantize.arguments import (
    BackendName,
    Edges,
    Values,
    check_out,
    check_settings,
    check_tensor,
    ends,
    given_keys,
    given_limits,
)
from randquant.quantize.gradient import Backend, Drawn, Form, Gradient, Quantize
from randquant.quantize.scope import Per, scopes

P = ParamSpec("P")
Result = TypeVar("Result")

_BACKENDS = {  # name: module, the library it needs, the device it runs on
    "reference": ("reference", "torch", None),
    "torch": ("eager", "torch", None),
    "numba": ("cpu.backend", "numba", "cpu"),
    "triton": ("gpu.backend", "triton", "cuda"),
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
    keys: int | Sequence[int] | Tensor | draw.Keys | None = None,
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
            On a CPU, draws take 8 R bytes or more for each channel of each sample.
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
        keys: sample ids (whole numbers, one a sample), or keys that `Draws` named. A sample's view then depends on its
            key alone, not on batch, order, worker, rank, backend or device.
        backend: "auto" takes numba on the CPU, triton on a CUDA device and torch elsewhere, but triton has no
            quantile edges: there it takes torch. A named backend never gives way to another.
        out: where to write the result; of x's shape, dtype and device, x itself if you like. Not with gradients.

    Returns:
        A tensor like x, or `out`. Integers are rounded half to even and stay in their scope's range; NaN and
        infinities stay where they are, and ranges come from the finite values.

    Raises:
        UserError: an argument is not what it may be; the message says what is.
    """
    check_tensor("x", x)
    if x.is_neg():  # as the imaginary part of a conjugate: kernels read memory, which holds -x
        x = x.resolve_neg()
    needs_gradient = x.requires_grad and torch.is_grad_enabled()
    if keys is not None and limits is None and generator is None and out is None:
        form = _known(x, ends(bins), channel_dim, batch_dim, per, edges, values, p, gradient, backend)
        if form is not None:
            keyed = form.way(given_keys(keys, form.scopes.shape[0], x, per, generator))
            return cast(Tensor, Quantize.apply(x, keyed)) if needs_gradient else keyed.quantized(x)
    check_settings(bins, per=per, edges=edges, values=values, p=p, gradient=gradient, backend=backend)
    layout = scopes(x, channel_dim, batch_dim, per)
    samples, channels, size = layout.shape
    quantiles = edges == "quantile"
    chosen = _backend(backend, x.device, quantiles)
    if generator is not None and not isinstance(generator, torch.Generator):
        raise UserError(f"generator: {type(generator).__name__} given; give a torch.Generator, or leave it out")
    ranges = None if limits is None else given_limits(limits, layout, x, per)
    named = None if keys is None else given_keys(keys, samples, x, per, generator)
    if quantiles and limits is not None:
        raise UserError('limits: edges="quantile" lie among the elements, whatever their range; leave limits out')
    if out is not None:
        check_out(out, x, needs_gradient)
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
        ends(bins),
        uniform_edges=edges == "uniform",
        midpoint=values == "midpoint",
        p=p,
        shared=shared,
        device=x.device,
        generator=generator,
        keys=None if named is None else named.derived(),
    )
    measured_together = shared and ranges is None and not quantiles
    extremes = None
    if measured_together:
        every = layout.of(x.detach())
        low, high = chosen.measure(every)
        ranges = low.amin(0).expand_as(low), high.amax(0).expand_as(high)
        if x.dtype == torch.int64:  # the ends of a range may be no float64
            extremes = every.amin((0, 2)).unsqueeze(-1), every.amax((0, 2)).unsqueeze(-1)  # [C, 1]
    way = Drawn(chosen, layout, fractions, ranges, shared if quantiles else measured_together, quantiles, gradient)
    if needs_gradient:
        return cast(Tensor, Quantize.apply(x, way))
    result = torch.empty_like(x) if out is None else out
    way.write(x.detach(), result)
    if extremes is not None:
        result.copy_(layout.restore(layout.of(result).clamp(*extremes), like=result))
    if out is not None:
        torch.autograd.graph.increment_version(out)  # a kernel's writing is nothing that autograd sees
    return result


def _known(x: Tensor, *settings: Hashable) -> Form | None:
    """The form of x; None where numbers are drawn first."""
    try:
        hash(settings)
    except TypeError:  # one of them is wrong, and named later
        return None
    return _form(x.shape, x.stride(), x.dtype, x.device, *settings)


@functools.lru_cache(maxsize=1024, typed=True)  # in a training all is checked once: True is 1, and no dimension
def _form(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device,
    bins: tuple[int, int],
    channel_dim: int,
    batch_dim: int | None,
    per: Per,
    edges: Edges,
    values: Values,
    p: float,
    gradient: Gradient,
    backend: BackendName,
) -> Form | None:
    check_settings(bins, per=per, edges=edges, values=values, p=p, gradient=gradient, backend=backend)
    form = getattr(_backend(backend, device, edges == "quantile"), "form", None)
    fewest, most = bins
    plain = edges == "random" and p == 1 and per != "batch" and fewest == most
    if form is None or not plain:
        return None
    like = torch.empty_strided(shape, strides, dtype=dtype, device="meta")
    layout = scopes(like, channel_dim, batch_dim, per)
    if not like.numel() or layout.shape[2] == 1:
        return None
    return cast(Form, form(like, device, layout, most, midpoint=values == "midpoint", gradient=gradient))


def _backend(name: str, device: torch.device, quantiles: bool) -> Backend:
    """The module of a backend; `UserError` where it is not installed, for another device, or lacks quantile edges."""
    if name == "triton" and quantiles:
        raise UserError('backend: "triton" has no edges="quantile"; give backend="torch" or "auto"')
    if name == "auto":
        name = {"cpu": "numba", "cuda": "torch" if quantiles else "triton"}.get(device.type, "torch")
        if not _installed(_BACKENDS[name][1]):
            name = "torch"
    module, library, kind = _BACKENDS[name]
    if not _installed(library):
        raise UserError(f'backend: "{name}" needs the library {library}; install it, or give backend="auto"')
    if kind not in (None, device.type):
        raise UserError(f'backend: "{name}" runs on {kind} and x is on {device}; move x, or give backend="auto"')
    return cast(Backend, importlib.import_module(f"{__package__}.{module}"))


@functools.cache
def _installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
