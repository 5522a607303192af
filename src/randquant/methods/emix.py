"""A batch in, the e-Mix loss out: which samples, in which shares, is a mixture of embeddings made of?

Source: the DABS benchmark (Tamkin et al., 2021), after i-Mix (Lee et al., 2021). The benchmark's code loses the weight
of each sample to a broadcast; here it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer
from randquant.errors import UserError
from randquant.methods.method import Loss, View, apply
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


class EMix(nn.Module):
    """Mix each sample's embeddings with a partner's; the mixture should find both among the clean samples.

    Args:
        width: numbers in the encoder's features.
        views: transforms of the inputs before they are embedded, in order; none by default.
        settings: temperature, and the projection head's width.
    """

    def __init__(self, width: int, views: Sequence[View], settings: MethodSettings) -> None:
        super().__init__()
        self.views, self.temperature = tuple(views), settings.temperature
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, settings.projection))

    def forward(self, encoder: nn.Module, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `accuracy` is the share of mixtures whose nearest candidate is their larger part.

        Raises:
            UserError: the encoder cannot be entered at its embeddings, or the batch has fewer than 2 samples.
        """
        if not isinstance(encoder, DomainAgnosticTransformer):
            raise UserError("encoder: emix mixes embeddings, so it needs randquant's own transformer; rq takes any")
        if len(batch.ids) < 2:
            raise UserError(f"batch: got {len(batch.ids)} sample, must be at least 2: others are the partners")
        inputs = apply(self.views, batch.inputs, draws, 0)
        clean, padding = encoder.embed(inputs), encoder.padding(inputs)  # [B, N, D], [B, N]
        share = draws.uniform("emix/share")  # Beta(1, 1)
        share = torch.maximum(share, 1 - share)  # [B], the larger part is the sample's own
        partner = draws.permutation("emix/partner")
        weight = share[:, None, None]
        # Only the partner is detached, and the keys are not: as in the benchmark.
        mixed = weight * clean + (1 - weight) * clean[partner].detach()
        # A position of the mixture is padding only where both parts are.
        both = None if padding is None else padding & padding[partner]
        query = F.normalize(self.head(encoder.encode(mixed, both)), dim=1)  # [B, projection]
        key = F.normalize(self.head(encoder.encode(clean, padding)), dim=1)
        logits = query @ key.T / self.temperature
        own = torch.arange(len(logits), device=logits.device)
        losses = share * F.cross_entropy(logits, own, reduction="none")
        losses = losses + (1 - share) * F.cross_entropy(logits, partner, reduction="none")  # [B]
        return Loss(losses.mean(), {"accuracy": (logits.detach().argmax(dim=1) == own).float().mean()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projection head, in one group."""
        return [{"params": list(self.head.parameters())}]
