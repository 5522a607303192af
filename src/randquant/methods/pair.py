"""A batch in, two views of it and their features out: what all that compare views begin with."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.methods.chain import Chain
from randquant.quantize.draw import Draws


class Pair(NamedTuple):
    """Two views of a batch.

    Attributes:
        inputs: of each view, [B, ...] each.
        features: of each view, [B, D].
    """

    inputs: list[tuple[Tensor, ...]]
    features: list[Tensor]

    def similarity(self) -> Tensor:
        """The mean cosine between the features of a sample's two views, a scalar without gradient."""
        first, second = self.features
        return F.cosine_similarity(first.detach(), second.detach()).mean()


def check_partner(chain: Chain, method: str) -> None:
    """Refuse a method that compares two views and has nothing that makes them.

    Raises:
        UserError: the chain is empty.
    """
    if chain == Chain():
        raise UserError(f"method: {method} compares two views, so it needs a partner before it, such as rq+{method}")


def encode_pair(chain: Chain, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Pair:
    """Two views of a batch by the encoder, one after the other.

    Raises:
        UserError: a view equals its input.
    """
    inputs = [chain.change(batch.inputs, draws, view, progress) for view in range(2)]
    return Pair(inputs, [chain.encode(encoder, one, draws, view) for view, one in enumerate(inputs)])
