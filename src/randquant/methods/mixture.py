"""Samples in, partners and shares of mixtures out; mixtures in, the loss of finding both parts out: emix and imix."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from randquant.methods.method import Loss
from randquant.quantize.draw import Draws


def shares_and_partners(draws: Draws, method: str) -> tuple[Tensor, Tensor]:
    """Each sample's own share of its mixture, at least a half, float32 [B]; its partner in the global batch, int64 [B].

    The share is Beta(1, 1), which is uniform, or what it lacks to 1 where that is larger.
    """
    share = draws.uniform(f"{method}/share")
    return torch.maximum(share, 1 - share), draws.permutation(f"{method}/partner")


def find_both(logits: Tensor, draws: Draws, partner: Tensor, share: Tensor) -> Loss:
    """The loss of mixtures that should find both their parts among all samples.

    Args:
        logits: [B, G].
        draws: tell which of the G a mixture's own sample is.
        partner: the other one, int64 [B].
        share: what the own part's cross-entropy weighs, [B] or a scalar; the partner's weighs the rest.

    Returns:
        the loss, and `accuracy`, the share of mixtures whose nearest candidate is their own sample.
    """
    losses = share * F.cross_entropy(logits, draws.rows, reduction="none")
    losses = losses + (1 - share) * F.cross_entropy(logits, partner, reduction="none")  # [B]
    return Loss(losses.mean(), {"accuracy": (logits.detach().argmax(dim=1) == draws.rows).float().mean()})
