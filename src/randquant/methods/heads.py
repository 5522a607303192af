"""Sizes in, projection heads and predictors out."""

from __future__ import annotations

from torch import nn


def projection_head(width: int, projection: int) -> nn.Module:
    """Features [B, width] to projections [B, projection], as the DABS benchmark does: LayerNorm, linear layer."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, projection))
