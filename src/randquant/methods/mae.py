"""A batch in, the MAE loss out: what stood where embeddings were set to 0?

Source: masked autoencoding of the DABS benchmark (Tamkin et al., 2021): nothing is taken out of the sequence and there
is no decoder. Tables are our extension.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.encoder.embed import Embedding
from randquant.methods.chain import Chain
from randquant.methods.method import Loss, transformer
from randquant.methods.positions import choose, global_mean
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


@reads("corrupted")
class MAE(nn.Module):
    """Set some of each sample's embeddings to 0; what was given there should be read from the encoder's output.

    - Real values: ReLU and a linear layer give a patch's numbers, one head an input; the loss is the L2 norm of their
      error. A table's real-valued columns are patches of one number, and share their head: columns should be of the
      same scale.
    - Symbols and codes: scores are dot products with the embeddings they may have; the loss is the cross-entropy.

    Each input's loss is the mean over its hidden positions, and 0 in a batch that hides none of them; the loss is the
    mean over the inputs. Padding is not hidden, unless the encoder's pooling is "all". Partners change what is
    embedded, never what is to be read.

    Args:
        encoder: what is trained; its embeddings tell how many numbers each head gives.
        chain: what samples go through before embeddings are hidden; nothing by default.
        settings: the share of the embeddings that are hidden.

    Raises:
        UserError: the encoder cannot be entered at its embeddings.
    """

    def __init__(self, encoder: Encoder, chain: Chain, settings: MethodSettings) -> None:
        super().__init__()
        self.chain, self.share = chain, settings.corrupted
        self.heads = nn.ModuleDict()
        for place, module in enumerate(transformer(encoder, "mae", "hides").embeddings):
            if numbers := cast(Embedding, module).patch_values:
                self.heads[str(place)] = nn.Sequential(nn.ReLU(), nn.Linear(encoder.width, numbers))

    def forward(self, encoder: DomainAgnosticTransformer, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch."""
        tokens, padding = self.chain.first_view(encoder, batch.inputs, draws, progress)  # [B, N, D]
        chosen = choose(self.share, tokens.shape[1], encoder.ignored(padding), draws, "mae")  # [B, N]
        outputs = encoder.encode_tokens(tokens.masked_fill(chosen.unsqueeze(-1), 0), padding)[:, 1:]  # [B, N, D]
        lengths = [one.tokens for one in encoder.spec.inputs]
        parts = zip(torch.split(outputs, lengths, 1), torch.split(chosen, lengths, 1), batch.inputs, strict=True)
        losses = []
        for place, (seen, hidden, values) in enumerate(parts):
            embedding = cast(Embedding, encoder.embeddings[place])
            losses.append(global_mean(self._losses(place, embedding, values, seen, hidden)))
        return Loss(torch.stack(losses).mean(), {})

    def _losses(self, place: int, embedding: Embedding, values: Tensor, seen: Tensor, hidden: Tensor) -> Tensor:
        """The losses of one input's hidden positions, [as many as there are].

        Args:
            place, embedding, values: which input it is, what embeds it, and the input itself, [B, ...].
            seen: the encoder's output there, [B, n, D].
            hidden: which of its positions are hidden, bool [B, n].
        """
        losses = []
        patches = embedding.patches(values)  # [B, as many as there are, numbers]
        start = patches.shape[1]
        if start:
            here = hidden[:, :start]
            errors = self.heads[str(place)](seen[:, :start][here]) - patches[here]
            losses.append(torch.linalg.vector_norm(errors, dim=1))
        for codes, table in embedding.symbols(values):  # [B, some], [vocabulary, D]
            stop = start + codes.shape[1]
            here = hidden[:, start:stop]
            scores = seen[:, start:stop][here] @ table.T
            losses.append(F.cross_entropy(scores, codes[here], reduction="none"))
            start = stop
        return torch.cat(losses)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The heads, in one group; symbols alone need none."""
        return [{"params": list(self.heads.parameters())}]
