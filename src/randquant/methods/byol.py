"""A batch in, the BYOL loss out: one view predicts the momentum encoder's projection of the other.

Source: Grill et al., "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning", NeurIPS 2020.
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
from randquant.methods.momentum import MomentumEncoder
from randquant.methods.pair import check_partner, encode_pair
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("hidden", "projection", "momentum")
class BYOL(nn.Module):
    """Each view's prediction should point where the momentum encoder's projection of the other view points.

    ImageNet with ResNet-50: hidden 4096, projection 256, momentum 0.99 for 100 and 300 epochs, 0.996 for 1000. The
    published projector has a bias before its normalisation, where it has no effect; ours has none.

    Args:
        encoder: what is trained; the momentum encoder starts as its copy.
        chain: what makes a view; encoder and momentum encoder see the same two.
        settings: momentum, and the heads' sizes.

    Raises:
        UserError: the chain is empty.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        check_partner(chain, "byol")
        self.chain = chain
        self.projector = mlp((encoder.width, settings.hidden, settings.projection), "bare")
        self.predictor = mlp((settings.projection, settings.hidden, settings.projection), "bare")
        self.momentum = MomentumEncoder(encoder, self.projector, settings.momentum)

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `view_similarity` is the mean cosine between the features of a sample's two views.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        check_several(batch, "rest of what batch normalisation measures")
        pair = encode_pair(self.chain, encoder, batch, draws, progress)
        first, second = (self.predictor(self.projector(features)) for features in pair.features)  # [B, projection]
        self.momentum.update(encoder, self.projector, progress)
        its_first, its_second = self.momentum(self.chain, pair.inputs, draws)
        cosines = F.cosine_similarity(first, its_second) + F.cosine_similarity(second, its_first)  # [B]
        return Loss((4 - 2 * cosines).mean(), {"view_similarity": pair.similarity()})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Projector and predictor, in one group; the momentum encoder is not trained."""
        return [{"params": [*self.projector.parameters(), *self.predictor.parameters()]}]
