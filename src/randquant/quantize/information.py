"""Samples of a channel and their bins in, how much the bins keep of them out: bits, and a share of the variance."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Kept(NamedTuple):
    """What knowing an element's bin tells of its value; each of [S], one a quantizer.

    Attributes:
        bits: the entropy of the bins, at most log2 R: 0 where all elements share a bin.
        variance: the share of the variance that lies between bins; what remains is inside them. 1 for a constant.
        fullest: the share of elements in the fullest bin.
    """

    bits: Tensor
    variance: Tensor
    fullest: Tensor


def kept(values: Tensor, edges: Tensor) -> Kept:
    """What bins keep of finite elements.

    Args:
        values: [S, N]; NaN and infinities are left out.
        edges: [S, R-1], where bins 1 to R-1 begin.
    """
    values, edges = values.double(), edges.double().sort().values
    finite = values.isfinite()
    known = torch.where(finite, values, 0.0)
    place = torch.searchsorted(edges.contiguous(), known.contiguous(), right=True)  # [S, N]
    bins = edges.shape[1] + 1
    counts = torch.zeros(len(values), bins, dtype=torch.float64).scatter_add_(1, place, finite.double())
    sums = torch.zeros(len(values), bins, dtype=torch.float64).scatter_add_(1, place, known)
    total = counts.sum(1, keepdim=True).clamp(min=1)
    shares = counts / total
    mean = known.sum(1, keepdim=True) / total
    spread = (finite * (known - mean) ** 2).sum(1)
    between = (counts * (sums / counts.clamp(min=1) - mean) ** 2).sum(1)
    return Kept(
        bits=torch.special.entr(shares).sum(1) / math.log(2),
        variance=torch.where(spread > 0, between / spread.clamp(min=torch.finfo(torch.float64).tiny), 1.0).clamp(max=1),
        fullest=shares.amax(1),
    )
