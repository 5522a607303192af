"""Sizes in, projection heads and predictors out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn

from randquant.methods.batch_norm import BatchNorm

End = Literal["bare", "bias", "norm", "plain norm"]


def projection_head(width: int, projection: int) -> nn.Module:
    """Features [B, width] to projections [B, projection], as the DABS benchmark does: LayerNorm, linear layer."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, projection))


def mlp(widths: Sequence[int], end: End) -> nn.Sequential:
    """[B, first width] to [B, last width]: linear layers, with batch normalisation and ReLU between them.

    Args:
        widths: of the input and of every layer's output. Layers that a normalisation follows have no bias.
        end: what the last layer is: `bare`, a linear layer without a bias; `bias`, one with it; or one without it that
            batch normalisation follows, with a learned scale and shift (`norm`) or without (`plain norm`).
    """
    layers: list[nn.Module] = []
    for width, following in pairwise(widths[:-1]):
        layers += [nn.Linear(width, following, bias=False), BatchNorm(following), nn.ReLU()]
    layers.append(nn.Linear(widths[-2], widths[-1], bias=end == "bias"))
    if end in ("norm", "plain norm"):
        layers.append(BatchNorm(widths[-1], affine=end == "norm"))
    return nn.Sequential(*layers)
