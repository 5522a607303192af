"""A tensor and the keys of its samples in, its quantization and its gradient out: on the GPU, in one launch each.

A batch of a training step takes the GPU hundredths of a millisecond, and the host many times that. So one kernel
derives the keys, draws edges and values and quantizes, and whatever is the same for all tensors of one form is worked
out once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from randquant.quantize.draw import Keys, word_of
from randquant.quantize.gpu import kernels, keyed_kernels
from randquant.quantize.gpu.draw import LONGEST, halves
from randquant.quantize.gpu.launch import Plan, launch
from randquant.quantize.gpu.numbers import power_of_2
from randquant.quantize.gpu.plan import planned
from randquant.quantize.gpu.walk import Strides, walk
from randquant.quantize.scope import Scopes

_TILES = 8  # of a scope that one program maps faster than the host starts several, where most of the GPU would rest
_DRAWN = 256  # numbers that a warp draws at a time, 8 a thread
_STREAMS = word_of("edges"), word_of("values")


@dataclass(frozen=True, eq=False)
class Form:
    """What tensors of one shape, strides and type have in common.

    Attributes:
        scopes: where their quantizers lie.
        bins: of each quantizer.
        midpoint: values are the middles of bins, and not drawn.
        gradient: what flows back; see `gradient.Quantize`.
        dtype, device: theirs.
        forward: the launch that quantizes, by whether keys are named below a root.
        backward: the launch of the range's gradient, by the strides of x and of the gradient that it is given: a hook
            on saved tensors may have laid x out anew.
    """

    scopes: Scopes
    bins: int
    midpoint: bool
    gradient: str
    dtype: torch.dtype
    device: torch.device
    forward: dict[bool, Plan] = field(default_factory=dict, repr=False)
    backward: dict[tuple[Strides, Strides], Plan] = field(default_factory=dict, repr=False)

    def way(self, keys: Keys) -> Keyed:
        return Keyed(self, keys)


def form(x: Tensor, device: torch.device, scopes: Scopes, bins: int, *, midpoint: bool, gradient: str) -> Form | None:
    """The form of tensors like x, which may be on another device; None where numbers are to be drawn before."""
    own, new = scopes.strides(x), scopes.strides(torch.empty_like(x))
    if own is None or new is None or not 1 < bins <= LONGEST:
        return None
    strides = own, new
    plan, way = planned(keyed_kernels.quantize, scopes.shape, strides, x.dtype, device, shared=False)
    if way.along * _TILES < scopes.shape[2] and walk(scopes.shape, strides, x.dtype, device, True).parts > 1:
        return None
    made = Form(scopes, bins, midpoint, gradient, x.dtype, device)
    columns = power_of_2(bins)
    tile = {"COLUMNS": columns, "ROWS": max(1, min(way.across, _DRAWN * way.warps // columns))}
    for rooted in (False, True):
        constants = {**plan.constants, **tile, "NUMBERS": 2 if rooted else 0}
        made.forward[rooted] = replace(plan, constants=constants, compiled={})
    return made


class Keyed:
    """The way of one tensor of a form: draws from keys, and keeps what its gradient needs."""

    def __init__(self, form: Form, keys: Keys) -> None:
        self.form, self.keys = form, keys
        self.drawn: tuple[Tensor, Tensor | None]

    def quantized(self, x: Tensor) -> Tensor:
        form, (ids, root, words) = self.form, self.keys
        samples, channels, _ = form.scopes.shape
        rows, bins, device = samples * channels, form.bins, form.device
        out = torch.empty_like(x)
        edges = torch.empty(rows, bins - 1, dtype=torch.float32, device=device)
        values = None if form.midpoint else torch.empty(rows, bins, dtype=torch.float32, device=device)
        numbers = _numbers(0 if root is None else int(root), words)
        launch(form.forward[root is not None], (x, out, edges, values, ids.contiguous()), bins, channels, *numbers)
        self.drawn = edges, values
        return out

    def passed(self, x: Tensor, gradient: Tensor) -> Tensor:
        form, scopes = self.form, self.form.scopes
        if form.gradient == "straight_through":
            return gradient
        if form.gradient == "none":
            return gradient.masked_fill(x.isfinite(), 0)
        out = torch.empty_like(x)
        plan = form.backward.get((x.stride(), gradient.stride()))
        if plan is None:
            own, flow, new = (scopes.strides(one) for one in (x, gradient, out))
            if own is None or new is None:
                return self.passed(_laid_out(x, scopes), gradient)
            if flow is None:
                return self.passed(x, _laid_out(gradient, scopes))
            plan, _ = planned(
                kernels.range_gradient, scopes.shape, (own, flow, new), form.dtype, form.device, shared=False
            )
            form.backward[x.stride(), gradient.stride()] = plan
        launch(plan, (x, gradient, out, *self.drawn, None), form.bins)
        return out


def _laid_out(x: Tensor, scopes: Scopes) -> Tensor:
    """A copy of x, of which the scopes are a view."""
    return scopes.restore(scopes.of(x).contiguous(), like=x)


@functools.lru_cache(maxsize=1024)  # purposes are few, and a root holds for an epoch
def _numbers(root: int, words: tuple[int, int]) -> tuple[int, ...]:
    """The halves of root and two words, and the words of the two streams, as the kernel takes them."""
    *above, edges, _, values, _ = halves(root, *words, *_STREAMS)
    return *above, edges, values
