"""Any tensor in, one strided view [B, C, N] out: sample, quantizer of the sample, elements it serves."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import torch
from torch import Tensor

from randquant.errors import UserError

Limits = tuple[Tensor, Tensor]  # low and high of each scope, [B, C], in the type of arithmetic
Per = Literal["channel", "sample", "batch"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def arithmetic(dtype: torch.dtype) -> torch.dtype:
    """The type that edges and values of a tensor of this dtype are computed in."""
    return torch.float64 if dtype in (torch.float64, torch.int32, torch.int64) else torch.float32


@dataclass(frozen=True)
class Scopes:
    """Where the quantizers of a tensor lie.

    Attributes:
        order: the tensor's dimensions as sample, quantizer, then elements from the widest stride to the narrowest.
            The order of elements inside a scope changes nothing, and this one merges into a single stride most often.
        batched: whether the first of them is a dimension of the tensor, rather than one put in front.
        shape: B, C, N.
    """

    order: tuple[int, ...]
    batched: bool
    shape: tuple[int, int, int]

    def of(self, x: Tensor) -> Tensor:
        """A [B, C, N] view of x wherever its strides allow one, otherwise a copy."""
        ordered = self._ordered(x)
        return ordered if ordered.shape == self.shape else ordered.reshape(self.shape)

    def strides(self, x: Tensor) -> tuple[int, ...] | None:
        """Those of `of(x)` where it is a view; None where it is a copy."""
        try:
            return self._ordered(x).view(self.shape).stride()
        except RuntimeError:
            return None

    def _ordered(self, x: Tensor) -> Tensor:
        return (x if self.batched else x.unsqueeze(0)).permute(self.order)

    def restore(self, scopes: Tensor, like: Tensor) -> Tensor:
        """The inverse of `of`: [B, C, N] to the shape of `like`."""
        inner = like if self.batched else like.unsqueeze(0)
        sizes = [inner.shape[d] for d in self.order]
        if list(scopes.shape) != sizes:
            scopes = scopes.reshape(sizes)
        x = scopes.permute(self.back)
        return x if self.batched else x.squeeze(0)

    @functools.cached_property
    def back(self) -> tuple[int, ...]:
        """The inverse of `order`."""
        return tuple(sorted(range(len(self.order)), key=self.order.__getitem__))


def scopes(x: Tensor, channel_dim: int, batch_dim: int | None, per: Per) -> Scopes:
    """Find the quantizers of x; `UserError` where a dimension does not exist or is named twice."""
    channel = _dimension("channel_dim", channel_dim, x) if per != "sample" else None
    batch = _dimension("batch_dim", batch_dim, x) if batch_dim is not None else None
    if channel is not None and channel == batch:
        raise UserError(
            f"channel_dim: {channel_dim} is the batch dimension of a tensor of shape {tuple(x.shape)}; "
            "give the dimension that holds the channels, or batch_dim=None for a single sample"
        )
    return _scopes(x.shape, x.stride(), channel, batch)


@functools.lru_cache(maxsize=1024)  # the same in every step of a training
def _scopes(shape: tuple[int, ...], strides: tuple[int, ...], channel: int | None, batch: int | None) -> Scopes:
    """The quantizers of a tensor of this shape; channel or batch None where no dimension counts them."""
    batched = batch is not None
    if batch is None:  # a batch dimension of one is put in front
        shape, strides = (1, *shape), (0, *strides)
        batch, channel = 0, None if channel is None else channel + 1
    outer = (batch,) if channel is None else (batch, channel)
    inner = sorted(set(range(len(shape))) - set(outer), key=lambda d: -strides[d])
    channels = 1 if channel is None else shape[channel]
    return Scopes((*outer, *inner), batched, (shape[batch], channels, math.prod(shape[d] for d in inner)))


def _dimension(name: str, dimension: object, x: Tensor) -> int:
    if isinstance(dimension, bool) or not isinstance(dimension, Integral) or not -x.ndim <= int(dimension) < x.ndim:
        raise UserError(
            f"{name}: {dimension!r} is not a dimension of a tensor of shape {tuple(x.shape)}; "
            f"allowed are {-x.ndim} to {x.ndim - 1}"
        )
    return int(dimension) % x.ndim
