"""Grids of several sizes in, which of their places are missing in the midst, and not beyond an end, out."""

from __future__ import annotations

import torch
from torch import Tensor


def missing_within(values: Tensor) -> Tensor:
    """Bool [N, C, *size]: what is NaN, but for the places at the end of an axis from which on a sample has no value.

    Args:
        values: [N, C, *size].
    """
    missing = values.isnan()
    beyond = torch.zeros_like(missing)
    for axis in range(2, values.ndim):
        empty = missing.movedim(axis, 1).flatten(2).all(2)  # [N, L]
        ended = empty.flip(1).int().cummin(1).values.flip(1).bool()
        beyond |= ended.reshape(len(values), *(-1 if place == axis else 1 for place in range(1, values.ndim)))
    return missing & ~beyond
