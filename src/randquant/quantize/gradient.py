"""Scopes in, quantized scopes out, differentiable: what flows back through randomized quantization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from randquant.quantize import eager
from randquant.quantize.draw import Fractions, Keys
from randquant.quantize.quantiles import add_through_quantiles, quantile_book
from randquant.quantize.scope import Limits, Scopes

Gradient = Literal["range", "straight_through", "none"]


class Backend(Protocol):
    """A module that quantizes scopes, deterministically.

    It may have a `range_gradient(x, gradient, fractions)` too, and a `form(x, device, scopes, bins, midpoint=,
    gradient=)`: what draws from keys and quantizes tensors like x in one go, or None.
    """

    def quantize(
        self, x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None, among: Tensor | None = None
    ) -> None: ...

    def measure(self, x: Tensor) -> Limits: ...


class Way(Protocol):
    """How one tensor is quantized."""

    def quantized(self, x: Tensor) -> Tensor:
        """x, quantized, as a new tensor."""
        ...

    def passed(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The gradient of x, from that of its quantization."""
        ...


class Form(Protocol):
    """What draws from keys and quantizes in one go, for tensors of one form."""

    @property
    def scopes(self) -> Scopes: ...

    def way(self, keys: Keys) -> Way: ...


class Quantize(torch.autograd.Function):
    """`apply(x, way)` quantizes x into a new tensor, with one of these gradients:

    - range: a value lies at low + w (high - low), so its gradient goes to the elements that set the range, (1 - w)
      to the smallest and w to the largest, in even shares where several are equal. Given limits take none. A quantile
      lies between two elements, which take its gradient in the same way.
    - straight_through: as if nothing had been quantized.
    - none: elements that were quantized get no gradient.

    Elements that were not quantized pass theirs through.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, way: Way) -> Tensor:
        ctx.save_for_backward(x)
        ctx.way = way
        return way.quantized(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        # What refuses to be differentiated again costs time, and torch asks for it under create_graph alone.
        return (_passed_once if torch.is_grad_enabled() else _passed)(ctx, gradient)


def _passed(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    (x,) = ctx.saved_tensors
    return ctx.way.passed(x, gradient.resolve_neg()), None


_passed_once = once_differentiable(_passed)


@dataclass(frozen=True)
class Drawn:
    """The way of any backend, once all numbers are drawn.

    Attributes:
        limits: of each scope, [B, C] each, or None, which measures them.
        shared: limits, or quantiles, were taken over the batch, and not given.
        quantiles: edges are quantiles of each scope's elements.
    """

    backend: Backend
    scopes: Scopes
    fractions: Fractions
    limits: Limits | None
    shared: bool
    quantiles: bool
    gradient: Gradient

    def quantized(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        self.write(x, out)
        return out

    def write(self, x: Tensor, out: Tensor) -> None:
        """Quantize x into out, two tensors of one shape, of any strides."""
        target, values = self.scopes.of(out.resolve_neg()), self.scopes.of(x)
        if self.quantiles:
            among = _pooled(values).expand(len(values), -1, -1) if self.shared else values
            self.backend.quantize(values, target, self.fractions, among=among)
        else:
            self.backend.quantize(values, target, self.fractions, self.limits)
        if target.data_ptr() != out.data_ptr():  # its memory holds -out, or no view of its scopes: a copy was written
            out.copy_(self.scopes.restore(target, like=out))

    def passed(self, x: Tensor, gradient: Tensor) -> Tensor:
        if self.gradient == "straight_through":
            return gradient
        g, values = self.scopes.of(gradient), self.scopes.of(x)  # [B, C, N]
        fused = getattr(self.backend, "range_gradient", None)  # for other backends plain torch does it
        if self.gradient == "range" and self.limits is None and not self.quantiles and fused is not None:
            return self.scopes.restore(fused(values, g, self.fractions), like=x)
        finite = values.isfinite()
        applied = self.fractions.applied
        quantized = finite if applied is None else finite & applied.view(*values.shape[:2], 1)
        result = g.masked_fill(quantized, 0)
        if self.gradient == "range" and self.quantiles:
            _add_through_quantiles(result, torch.where(quantized, g, 0), values, self.fractions, self.shared)
        elif self.gradient == "range" and (self.limits is None or self.shared):
            low, high = eager.measure(values, finite) if self.limits is None else self.limits
            over = (-1,) if self.limits is None else (0, -1)  # a range over the batch is set by any sample
            _add_through_range(result, torch.where(quantized, g, 0), values, self.fractions, low, high, over)
        return self.scopes.restore(result, like=x)


def _pooled(values: Tensor) -> Tensor:
    """The elements of all samples, channel by channel: [B, C, N] to [1, C, B x N]."""
    return values.transpose(0, 1).flatten(1).unsqueeze(0)


def _add_through_quantiles(result: Tensor, g: Tensor, values: Tensor, fractions: Fractions, shared: bool) -> None:
    """`add_through_quantiles`, of each scope's own elements or of those of the whole batch."""
    if not shared:
        add_through_quantiles(result, g, values, fractions, quantile_book(values, fractions))
        return
    samples, channels, n = values.shape
    own = Fractions(
        fractions.edges[:channels], *(None if one is None else one[:channels] for one in fractions[1:])
    )  # all samples have the same
    pooled = torch.zeros_like(_pooled(result))
    together = _pooled(values)
    add_through_quantiles(pooled, _pooled(g), together, own, quantile_book(together, own))
    result += pooled.view(channels, samples, n).transpose(0, 1)


def _add_through_range(
    result: Tensor, g: Tensor, values: Tensor, fractions: Fractions, low: Tensor, high: Tensor, over: tuple[int, ...]
) -> None:
    """Add to [B, C, N] the gradient of the quantized elements with respect to the elements that set the ranges.

    `g` is that of the quantized elements, 0 elsewhere; `over` are the dimensions that a range was measured over.
    """
    book = eager.codebook(low, high, fractions, whole=False)
    g = g.to(low.dtype)
    weight = _places(fractions, book.values).gather(-1, eager.bin_index(values.to(low.dtype), book))
    to_high = (g * weight).sum(over, keepdim=True)
    to_low = g.sum(over, keepdim=True) - to_high
    for end, total in ((low, to_low), (high, to_high)):
        sets = values == end.unsqueeze(-1).to(values.dtype)
        share = total / sets.sum(over, keepdim=True).clamp(min=1)
        result += (sets * share).to(result.dtype)


def _places(fractions: Fractions, like: Tensor) -> Tensor:
    """Where each bin's value lies between low and high, from 0 to 1: [B, C, R]."""
    u = fractions.edges.view(*like.shape[:2], -1).to(like.dtype).clamp(max=1)
    left = torch.cat([torch.zeros_like(like[..., :1]), u], -1)
    right = torch.cat([u, torch.ones_like(like[..., :1])], -1)
    inside = 0.5 if fractions.values is None else fractions.values.view_as(like).to(like.dtype)
    return left + inside * (right - left)
