"""A batch in, the SimSiam loss out: one view predicts the projection of the other, which gets no gradient.

Source: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import Encoder
from randquant.methods.chain import Chain
from randquant.methods.heads import mlp
from randquant.methods.method import Loss, check_several
from randquant.methods.pair import check_partner, encode_pair
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("hidden", "projection")
class SimSiam(nn.Module):
    """Each view's prediction should point where the other view's projection points; only the prediction learns.

    ImageNet with ResNet-50: hidden 2048, projection 2048; the predictor's hidden width is a quarter of the projector's.

    Args:
        encoder: what is trained.
        chain: what makes a view.
        settings: the heads' sizes.

    Raises:
        UserError: the chain is empty.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        check_partner(chain, "simsiam")
        self.chain = chain
        self.projector = mlp((encoder.width, settings.hidden, settings.hidden, settings.projection), "plain norm")
        self.predictor = mlp((settings.projection, max(1, settings.hidden // 4), settings.projection), "bias")

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `view_similarity` is the mean cosine between the features of a sample's two views.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        check_several(batch, "rest of what batch normalisation measures")
        pair = encode_pair(self.chain, encoder, batch, draws, progress)
        first, second = (self.projector(features) for features in pair.features)  # [B, projection]
        there = F.cosine_similarity(self.predictor(first), second.detach())  # [B]
        back = F.cosine_similarity(self.predictor(second), first.detach())
        return Loss(-(there + back).mean() / 2, {"view_similarity": pair.similarity()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projector; then the predictor, whose learning rate follows no schedule: `fixed_rate`."""
        return [
            {"params": list(self.projector.parameters())},
            {"params": list(self.predictor.parameters()), "fixed_rate": True},
        ]
