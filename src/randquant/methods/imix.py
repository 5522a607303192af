"""A batch in, the i-Mix loss on inputs out: which samples, in which shares, is a mixture made of?

Source: Lee et al., "i-Mix: A Domain-Agnostic Strategy for Contrastive Representation Learning", ICLR 2021, with the
N-pair loss. As in its authors' code each mixture has a share of its own, the larger part is the sample's own, and the
keys pass their gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant import world
from randquant.data.batch import Batch
from randquant.encoder import Encoder
from randquant.methods.chain import Chain
from randquant.methods.heads import projection_head
from randquant.methods.method import Loss, check_several
from randquant.methods.mixture import find_both, shares_and_partners
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("temperature", "projection")
class IMix(nn.Module):
    """Mix each sample's first view with a partner's; the mixture should find both among the second views.

    Real values are averaged by their shares. Symbols and codes have no average: each is the sample's own with its
    share as probability, else the partner's. That is our extension.

    Args:
        encoder: what is trained, any; its width is the head's.
        chain: what makes a view; without partners both views are the samples as they are. Partners of the embeddings
            act on those of the mixture.
        settings: temperature, and the projection head's width.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.temperature, self.spec = chain, settings.temperature, encoder.spec
        self.head = projection_head(encoder.width, settings.projection)

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `accuracy` is the share of mixtures whose nearest candidate is their larger part.

        Raises:
            UserError: the batch has fewer than 2 samples.
        """
        check_several(batch, "partners")
        share, partner = shares_and_partners(draws, "imix")  # [B] each
        first, second = (self.chain.change(batch.inputs, draws, view, progress) for view in range(2))
        mixed = self._mix(first, tuple(world.gather(one)[partner] for one in first), share, draws)
        query = F.normalize(self.head(self.chain.encode(encoder, mixed, draws, 0)), dim=1)  # [B, projection]
        key = F.normalize(self.head(self.chain.encode(encoder, second, draws, 1)), dim=1)
        logits = query @ world.gather(key).T / self.temperature  # [B, G]
        return find_both(logits, draws, partner, share)

    def _mix(
        self, own: tuple[Tensor, ...], others: tuple[Tensor, ...], share: Tensor, draws: Draws
    ) -> tuple[Tensor, ...]:
        """Inputs [B, ...] and their partners' to mixtures of the same shapes."""
        mixtures = []
        for place, (one, values, other) in enumerate(zip(self.spec.inputs, own, others, strict=True)):
            numbers, codes = values[:, : one.channels], values[:, one.channels :]
            weight = share.to(numbers.dtype).reshape(-1, *[1] * (numbers.ndim - 1))
            mixture = weight * numbers + (1 - weight) * other[:, : one.channels]
            if codes.shape[1]:
                kept = draws.uniform(f"imix/{place}", codes.shape[1]) < share[:, None]
                mixture = torch.cat([mixture, torch.where(kept, codes, other[:, one.channels :])], dim=1)
            mixtures.append(mixture)
        return tuple(mixtures)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projection head, in one group."""
        return [{"params": list(self.head.parameters())}]
