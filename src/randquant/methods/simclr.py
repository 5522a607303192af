"""A batch in, the SimCLR loss (NT-Xent) out: each view finds the other view of its sample among all views.

Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from randquant import world
from randquant.data.batch import Batch
from randquant.encoder import Encoder
from randquant.methods.chain import Chain
from randquant.methods.heads import mlp
from randquant.methods.method import Loss, check_several
from randquant.methods.pair import check_partner, encode_pair
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("temperature", "hidden", "projection")
class SimCLR(nn.Module):
    """Each view should find its sample's other view among all views of the global batch but itself.

    ImageNet with ResNet-50: hidden 2048, projection 128, temperature 0.1. As in the published code, the projector's
    normalisation measures both views together.

    Args:
        encoder: what is trained.
        chain: what makes a view.
        settings: temperature, and the projector's sizes.

    Raises:
        UserError: the chain is empty.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        check_partner(chain, "simclr")
        self.chain, self.temperature = chain, settings.temperature
        self.projector = mlp((encoder.width, settings.hidden, settings.projection), "norm")

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        Metrics: `accuracy`, the share of views whose nearest other view is their sample's; `view_similarity`, the mean
        cosine between the features of a sample's two views.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        check_several(batch, "negatives")
        pair = encode_pair(self.chain, encoder, batch, draws, progress)
        views = F.normalize(self.projector(torch.cat(pair.features)), dim=1)  # [2B, projection], first views first
        candidates = torch.cat([world.gather(one) for one in views.chunk(2)])  # [2G, projection]
        own = torch.cat([draws.rows, draws.rows + len(candidates) // 2])  # [2B], where the views stand among them
        other = own.roll(len(draws.rows))  # [2B], and where the other views of their samples do
        logits = views @ candidates.T / self.temperature  # [2B, 2G]
        logits = logits.scatter(1, own[:, None], -torch.inf)
        accuracy = (logits.detach().argmax(dim=1) == other).float().mean()
        return Loss(F.cross_entropy(logits, other), {"accuracy": accuracy, "view_similarity": pair.similarity()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projector, in one group."""
        return [{"params": list(self.projector.parameters())}]
