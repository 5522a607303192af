"""A batch in, the MoCo-v3 loss out: the queries of one view find the momentum encoder's keys of the other.

Source: Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from randquant import world
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


@reads("temperature", "heads_for", "hidden", "projection", "momentum")
class MoCoV3(nn.Module):
    """Each view's query should find its sample among the other view's keys of the global batch, in both directions.

    ImageNet: hidden 4096, projection 256, momentum 0.99; temperature 1 with ResNet-50, 0.2 with vision transformers.

    Args:
        encoder: what is trained; the momentum encoder starts as its copy.
        chain: what makes a view; encoder and momentum encoder see the same two.
        settings: temperature, momentum, and the heads' kind and sizes.

    Raises:
        UserError: the chain is empty.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        check_partner(chain, "mocov3")
        self.chain, self.temperature = chain, settings.temperature
        vit = settings.heads_for == "vit"
        hidden = (settings.hidden,) * (2 if vit else 1)
        self.projector = mlp((encoder.width, *hidden, settings.projection), "plain norm")
        self.predictor = mlp(
            (settings.projection, settings.hidden, settings.projection), "plain norm" if vit else "bare"
        )
        self.momentum = MomentumEncoder(encoder, self.projector, settings.momentum)

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        Metrics: `accuracy`, the share of the first view's queries whose nearest key is their own; `view_similarity`,
        the mean cosine between the features of a sample's two views.

        Raises:
            UserError: the batch has fewer than 2 samples, or a view leaves every sample as it was.
        """
        check_several(batch, "negatives")
        pair = encode_pair(self.chain, encoder, batch, draws, progress)
        queries = [self.predictor(self.projector(features)) for features in pair.features]  # [B, projection] each
        self.momentum.update(encoder, self.projector, progress)
        keys = self.momentum(self.chain, pair.inputs, draws)  # [B, projection] each
        there, back = self._logits(queries[0], keys[1]), self._logits(queries[1], keys[0])
        loss = F.cross_entropy(there, draws.rows) + F.cross_entropy(back, draws.rows)
        accuracy = (there.detach().argmax(dim=1) == draws.rows).float().mean()
        return Loss(2 * self.temperature * loss, {"accuracy": accuracy, "view_similarity": pair.similarity()})

    def _logits(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Queries [B, projection] against the keys of all processes: [B, G]."""
        everyones = world.gather(F.normalize(keys, dim=1))
        return F.normalize(queries, dim=1) @ everyones.T / self.temperature

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Projector and predictor, in one group; the momentum encoder is not trained."""
        return [{"params": [*self.projector.parameters(), *self.predictor.parameters()]}]
