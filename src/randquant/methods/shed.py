"""A batch in, the ShED loss out: which embeddings of a sample have changed places?

Source: shuffled embedding detection of the DABS benchmark (Tamkin et al., 2021).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.methods.chain import Chain
from randquant.methods.method import Loss, transformer
from randquant.methods.positions import global_mean, part, shuffled
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("corrupted")
class ShED(nn.Module):
    """Move some of each sample's embeddings round among themselves; every position should tell whether it was moved.

    Padding is neither moved nor asked, unless the encoder's pooling is "all".

    Args:
        encoder: what is trained; its width is the head's.
        chain: what samples go through before embeddings are moved; nothing by default.
        settings: the share of the embeddings that are moved.

    Raises:
        UserError: the encoder cannot be entered at its embeddings.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.share = chain, settings.corrupted
        self.head = nn.Linear(transformer(encoder, "shed", "moves").width, 2)

    def forward(self, encoder: DomainAgnosticTransformer, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        `accuracy` is the share of positions that are told right; to say "not moved" of all is right for most.
        """
        tokens, padding = self.chain.first_view(encoder, batch.inputs, draws, progress)  # [B, N, D]
        ignored = encoder.ignored(padding)
        sources = self._sources(tokens.shape[1], ignored, draws)
        moved = (sources != torch.arange(tokens.shape[1], device=sources.device)).long()
        shuffled_tokens = tokens.gather(1, sources.unsqueeze(-1).expand_as(tokens))
        answers = self.head(encoder.encode_tokens(shuffled_tokens, padding)[:, 1:])  # [B, N, 2]
        losses = F.cross_entropy(answers.transpose(1, 2), moved, reduction="none")  # [B, N]
        right = (answers.detach().argmax(dim=2) == moved).float()
        return Loss(global_mean(losses, ignored), {"accuracy": global_mean(right, ignored)})

    def _sources(self, length: int, ignored: Tensor | None, draws: Draws) -> Tensor:
        """Where each position's embedding comes from: int64 [B, N].

        The chosen positions, in random order, form one cycle, so that each of them gets another's embedding. At least
        2 are chosen; a sample with a single position stays as it is.
        """
        order, counts = shuffled(length, ignored, draws, "shed")  # [B, N], [B, 1]
        chosen = torch.maximum(part(self.share, counts), counts.clamp(max=2)).clamp(min=1)
        places = torch.arange(length, device=order.device).expand_as(order)
        before = order.gather(1, (places - 1) % chosen)  # those that are not chosen read what is not used
        return order.scatter(1, order, torch.where(places < chosen, before, order))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The head, in one group."""
        return [{"params": list(self.head.parameters())}]
