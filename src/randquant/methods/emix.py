"""A batch in, the e-Mix loss out: which samples, in which shares, is a mixture of embeddings made of?

Source: the DABS benchmark (Tamkin et al., 2021), after i-Mix (Lee et al., 2021). The benchmark's code loses the weight
of each sample to a broadcast, so that every sample has the batch's mean weights: `mixture_weights` "batch".
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F

from randquant import world
from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.methods.chain import Chain
from randquant.methods.heads import projection_head
from randquant.methods.method import Loss, check_several, transformer
from randquant.methods.mixture import find_both, shares_and_partners
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("projection", "temperature", "mixture_weights")
class EMix(nn.Module):
    """Mix each sample's embeddings with a partner's; the mixture should find both among the clean samples.

    Args:
        encoder: what is trained; its width is the head's.
        chain: what samples go through before they are mixed; nothing by default.
        settings: temperature, the projection head's width, and how the two parts' losses are weighted.

    Raises:
        UserError: the encoder cannot be entered at its embeddings.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.settings = chain, settings
        self.head = projection_head(transformer(encoder, "emix", "mixes").width, settings.projection)

    def forward(self, encoder: DomainAgnosticTransformer, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `accuracy` is the share of mixtures whose nearest candidate is their larger part.

        Raises:
            UserError: the batch has fewer than 2 samples.
        """
        check_several(batch, "partners")
        clean, padding = self.chain.first_view(encoder, batch.inputs, draws, progress)  # [B, N, D], [B, N]
        share, partner = shares_and_partners(draws, "emix")  # [B] each
        weight = share[:, None, None]
        # Only the partner is detached, and the keys are not: as in the benchmark.
        mixed = weight * clean + (1 - weight) * world.gather(clean.detach())[partner]
        # A position of the mixture is padding only where both parts are.
        both = None if padding is None else padding & world.gather(padding)[partner]
        query = F.normalize(self.head(encoder.encode(mixed, both)), dim=1)  # [B, projection]
        key = F.normalize(self.head(encoder.encode(clean, padding)), dim=1)
        logits = query @ world.gather(key).T / self.settings.temperature  # [B, G]
        if self.settings.mixture_weights == "batch":
            share = world.gather(share).mean()
        return find_both(logits, draws, partner, share)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The projection head, in one group."""
        return [{"params": list(self.head.parameters())}]
