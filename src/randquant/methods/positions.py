"""A share in, random positions of each sample out; values at positions in, their mean over all processes out."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant import world
from randquant.quantize.draw import Draws


def choose(share: float, length: int, padding: Tensor | None, draws: Draws, purpose: str, view: int = 0) -> Tensor:
    """Choose a share of each sample's positions, rounded up, padding left out: bool [B, N].

    Args:
        share: above 0, below 1.
        length: N.
        padding: bool [B, N]; None where there is none.
        draws, purpose, view: the source of the choice.
    """
    order, counts = shuffled(length, padding, draws, purpose, view)
    return order.argsort(dim=1) < part(share, counts)


def shuffled(length: int, padding: Tensor | None, draws: Draws, purpose: str, view: int = 0) -> tuple[Tensor, Tensor]:
    """Each sample's positions in a random order, padding last: int64 [B, N]; and how many are none: int64 [B, 1]."""
    noise = draws.uniform(purpose, length, view=view)  # [B, N]
    if padding is None:
        counts = torch.full((len(noise), 1), length, device=noise.device)
    else:
        noise = noise.masked_fill(padding, torch.inf)
        counts = (~padding).sum(dim=1, keepdim=True)
    return noise.argsort(dim=1, stable=True), counts


def part(share: float, counts: Tensor) -> Tensor:
    """A share of each count, rounded up: int64, of the same shape."""
    return torch.ceil(share * counts - 1e-6).long()  # 0.15 * 20 is a little above 3


def global_mean(values: Tensor, ignored: Tensor | None = None) -> Tensor:
    """The mean over the positions of the global batch, so written that the mean over the processes is just that.

    Each process may hold another number of positions, so their own means must not be averaged: what a process gives is
    its own sum over the count of all, times the number of processes.

    Args:
        values: this process's, one a position, in any shape.
        ignored: positions to leave out, bool of the same shape; None for none.
    """
    kept = values if ignored is None else values[~ignored]
    count = world.total(torch.tensor(kept.numel(), device=kept.device)).clamp(min=1)
    return kept.sum() / count * world.size()
