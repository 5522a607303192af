"""A batch in, the Capri loss out: which of the sample's own embeddings stood at each position?

Source: contrastive prediction of the DABS benchmark's code (Tamkin et al., 2021).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.methods.chain import Chain
from randquant.methods.method import Loss, transformer
from randquant.methods.positions import choose, global_mean
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings

_TEMPERATURE = 0.07  # the benchmark's; similarities are plain dot products here


@reads("corrupted")
class Capri(nn.Module):
    """Set some of each sample's embeddings to 0; every position should find its own among the sample's embeddings.

    Padding is neither hidden, nor asked, nor a candidate, unless the encoder's pooling is "all".

    Args:
        encoder: what is trained; its width is the head's.
        chain: what samples go through before embeddings are hidden; nothing by default.
        settings: the share of the embeddings that are hidden.

    Raises:
        UserError: the encoder cannot be entered at its embeddings.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.share = chain, settings.corrupted
        width = transformer(encoder, "capri", "hides").width
        self.head = nn.Linear(width, width)

    def forward(self, encoder: DomainAgnosticTransformer, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch; `accuracy` is the share of positions that find their own embedding."""
        tokens, padding = self.chain.first_view(encoder, batch.inputs, draws, progress)  # [B, N, D]
        ignored = encoder.ignored(padding)
        chosen = choose(self.share, tokens.shape[1], ignored, draws, "capri")
        hidden = tokens.masked_fill(chosen.unsqueeze(-1), 0)
        predictions = self.head(encoder.encode_tokens(hidden, padding)[:, 1:])
        # The embeddings that are to be found are not detached: as in the benchmark.
        logits = predictions @ tokens.transpose(1, 2) / _TEMPERATURE  # [B, N, candidates N]
        if ignored is not None:
            logits = logits.masked_fill(ignored.unsqueeze(1), -torch.inf)
        own = torch.arange(tokens.shape[1], device=tokens.device).expand(len(tokens), -1)  # [B, N]
        asked = torch.ones_like(own, dtype=torch.bool) if ignored is None else ~ignored
        losses = F.cross_entropy(logits[asked], own[asked], reduction="none")  # [positions that are asked]
        right = (logits.detach()[asked].argmax(dim=1) == own[asked]).float()
        return Loss(global_mean(losses), {"accuracy": global_mean(right)})

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The head, in one group."""
        return [{"params": list(self.head.parameters())}]
