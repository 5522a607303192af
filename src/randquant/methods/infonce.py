"""Two views of a batch in, the InfoNCE loss between their projections out.

Source: van den Oord et al., 2018; with randomized quantization as the view, Wu et al., "Randomized Quantization: A
Generic Augmentation for Data Agnostic Self-supervised Learning", ICCV 2023.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F

from randquant import world
from randquant.data.batch import Batch
from randquant.encoder import Encoder
from randquant.methods.chain import Chain
from randquant.methods.heads import projection_head
from randquant.methods.method import Loss, check_several
from randquant.methods.pair import encode_pair
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("temperature", "projection")
class InfoNCE(nn.Module):
    """Each sample's two views should find each other among all samples of the global batch, in both directions.

    Args:
        encoder: what is trained; its width is the head's.
        chain: what makes a view; both views use all of it, with draws of their own.
        settings: temperature, and the projection head's width.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.temperature = chain, settings.temperature
        self.head = projection_head(encoder.width, settings.projection)

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        Metrics: `accuracy`, the share of samples whose nearest candidate is their own other view; `view_similarity`,
        the mean cosine between the features of a sample's two views.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        check_several(batch, "negatives")
        pair = encode_pair(self.chain, encoder, batch, draws, progress)
        query, key = (F.normalize(self.head(features), dim=1) for features in pair.features)  # [B, projection]
        there = query @ world.gather(key).T / self.temperature  # [B, G]
        back = key @ world.gather(query).T / self.temperature
        loss = (F.cross_entropy(there, draws.rows) + F.cross_entropy(back, draws.rows)) / 2
        accuracy = (there.detach().argmax(dim=1) == draws.rows).float().mean()
        return Loss(loss, {"accuracy": accuracy, "view_similarity": pair.similarity()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projection head, in one group."""
        return [{"params": list(self.head.parameters())}]
