"""Two views of a batch in, the InfoNCE loss between their projections out.

Source: van den Oord et al., 2018; with randomized quantization as the view, Wu et al., "Randomized Quantization: A
Generic Augmentation for Data Agnostic Self-supervised Learning", ICCV 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.errors import UserError
from randquant.methods.method import Loss, View, apply
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


class InfoNCE(nn.Module):
    """Each sample's two views should find each other among all samples of the batch, in both directions.

    Args:
        width: numbers in the encoder's features.
        views: transforms that make a view, in order; both views use all of them, with draws of their own.
        settings: temperature, and the projection head's width.
    """

    def __init__(self, width: int, views: Sequence[View], settings: MethodSettings) -> None:
        super().__init__()
        self.views, self.temperature = tuple(views), settings.temperature
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, settings.projection))

    def forward(self, encoder: nn.Module, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `accuracy` is the share of samples whose nearest candidate is their own other view.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        if len(batch.ids) < 2:
            raise UserError(f"batch: got {len(batch.ids)} sample, must be at least 2: others are the negatives")
        first, second = (apply(self.views, batch.inputs, draws, view) for view in range(2))
        if progress == 0 and any(_same(view, batch.inputs) for view in (first, second)):
            raise UserError("method: a view equals its input, so there is nothing to learn; choose a stronger one")
        query, key = (F.normalize(self.head(encoder(view)), dim=1) for view in (first, second))  # [B, projection]
        logits = query @ key.T / self.temperature
        own = torch.arange(len(logits), device=logits.device)
        loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        return Loss(loss, {"accuracy": (logits.detach().argmax(dim=1) == own).float().mean()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projection head, in one group."""
        return [{"params": list(self.head.parameters())}]


def _same(view: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> bool:
    """Whether nothing was changed; constant values come back from quantization equal to 2e-6."""
    for one, other in zip(view, inputs, strict=True):
        slack = 1e-5 * (other.max() - other.min()) if other.is_floating_point() else 0
        if not ((one - other).abs() <= slack).all() and not (other == other.flatten()[0]).all():
            return False
    return True
