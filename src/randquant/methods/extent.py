"""Grids whose samples may end early in, how far each of them reaches along a dimension out."""

from __future__ import annotations

import torch
from torch import Tensor


def lengths(values: Tensor, dim: int) -> Tensor:
    """Places up to the last one that holds a value: int64 [B], at least 1.

    Args:
        values: [B, ...], NaN where there is none.
        dim: along which.
    """
    others = [other for other in range(1, values.ndim) if other != dim]
    held = (~values.isnan()).sum(dim=others) > 0  # [B, size]
    places = torch.arange(1, values.shape[dim] + 1, device=values.device)
    return (held * places).amax(dim=1).clamp(min=1)
