"""Token embeddings in, one feature vector a sample out: the domain-agnostic transformer.

Source: the DABS benchmark (Tamkin et al., "DABS: a domain-agnostic benchmark for self-supervised learning", 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.encoder.embed import Embedding, make_embedding
from randquant.errors import UserError
from randquant.settings import EncoderSettings
from randquant.spec import Spec, Tokens


def attend(query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None) -> Tensor:
    """Scaled dot-product attention: [B, H, N, D] each to [B, H, N, D]; `visible` as in `Attention`.

    On a CPU, torch's fused attention takes many times as long backward in 16 bits as in 32, so there it is spelt out.
    """
    if query.device.type != "cpu" or query.dtype not in (torch.bfloat16, torch.float16):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
    count, heads, length, width = query.shape
    hidden = torch.zeros((), dtype=query.dtype)
    if visible is not None:
        hidden = hidden.masked_fill(~visible, float("-inf")).expand(count, heads, 1, length).flatten(0, 1)
    queries, keys, values = (part.reshape(-1, length, width) for part in (query, key, value))
    scores = torch.baddbmm(hidden, queries, keys.transpose(1, 2), alpha=width**-0.5)
    return torch.bmm(scores.softmax(dim=-1), values).view(count, heads, length, width)


class Attention(nn.Module):
    """Multi-head self-attention: [B, N, D] to [B, N, D]; no dropout on the attention weights."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.heads, self.head_width = settings.heads, settings.head_width
        inner = settings.heads * settings.head_width
        self.query_key_value = nn.Linear(settings.width, 3 * inner, bias=False)
        self.output = nn.Linear(inner, settings.width)

    def forward(self, tokens: Tensor, visible: Tensor | None) -> Tensor:
        """`visible`: bool [B, 1, 1, N], the positions that may be attended to; None for all."""
        count, length, _ = tokens.shape
        heads = self.query_key_value(tokens).reshape(count, length, 3, self.heads, self.head_width)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # [B, heads, N, head_width] each
        mixed = attend(query, key, value, visible)
        out: Tensor = self.output(mixed.transpose(1, 2).reshape(count, length, -1))
        return out


class Block(nn.Module):
    """A pre-norm transformer block: attention, then an MLP, each added to its input."""

    def __init__(self, settings: EncoderSettings) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.width)
        self.attention = Attention(settings)
        self.attention_dropout = nn.Dropout(settings.dropout)
        self.mlp = nn.Sequential(
            nn.LayerNorm(settings.width),
            nn.Linear(settings.width, settings.mlp_width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.mlp_width, settings.width),
            nn.Dropout(settings.dropout),
        )

    def forward(self, tokens: Tensor, visible: Tensor | None) -> Tensor:
        """[B, N, D] to [B, N, D]; `visible` as in `Attention`."""
        tokens = tokens + self.attention_dropout(self.attention(self.attention_norm(tokens), visible))
        out: Tensor = tokens + self.mlp(tokens)
        return out


class DomainAgnosticTransformer(nn.Module):
    """One transformer for every domain; only the embedding of its inputs knows what they are.

    The tokens of all inputs are joined along the sequence and share one learned table of positions; one learned class
    token stands in front.

    Args:
        spec: what a sample is.
        settings: the sizes, and how features are pooled.

    Attributes:
        width: numbers in a feature (D).
    """

    def __init__(self, spec: Spec, settings: EncoderSettings) -> None:
        super().__init__()
        settings = settings.filled()
        self.spec, self.settings, self.width = spec, settings, settings.width
        self.embeddings = nn.ModuleList(make_embedding(one, settings.width) for one in spec.inputs)
        self.class_token = nn.Parameter(torch.randn(settings.width))
        self.positions = nn.Parameter(torch.randn(spec.tokens + 1, settings.width))
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(settings.width) if settings.final_norm else nn.Identity()

    def embed(self, inputs: Sequence[Tensor]) -> Tensor:
        """Tokens of all inputs, before the class token and positions: [B, N, D].

        Raises:
            UserError: an input's shape is not the one its spec declares.
        """
        if len(inputs) != len(self.embeddings):
            raise UserError(f"inputs: got {len(inputs)} tensors, must be {len(self.embeddings)}, one an input")
        for place, (one, values) in enumerate(zip(self.spec.inputs, inputs, strict=True)):
            if tuple(values.shape[1:]) != one.shape:
                shape = ", ".join(map(str, one.shape))
                raise UserError(f"inputs: input {place} has shape {tuple(values.shape)}, must be (B, {shape})")
        tokens = [module(values) for module, values in zip(self.embeddings, inputs, strict=True)]
        return torch.cat(tokens, dim=1)

    def padding(self, inputs: Sequence[Tensor]) -> Tensor | None:
        """Where the tokens of `embed` stand for padding: bool [B, N]; None where the spec has no padding."""
        padded = [one.gaps or (isinstance(one, Tokens) and one.padding is not None) for one in self.spec.inputs]
        if not any(padded):
            return None
        parts = [
            cast(Embedding, module).absent(values)
            if may_be
            else values.new_zeros((values.shape[0], one.tokens), dtype=torch.bool)
            for module, one, values, may_be in zip(self.embeddings, self.spec.inputs, inputs, padded, strict=True)
        ]
        return torch.cat(parts, dim=1)

    def ignored(self, padding: Tensor | None) -> Tensor | None:
        """The padding that is neither attended to nor averaged: bool [B, N]; None where every position counts."""
        return None if self.settings.pooling == "all" else padding

    def encode_tokens(self, embeddings: Tensor, padding: Tensor | None = None) -> Tensor:
        """Embeddings [B, N, D] to the encoder's output at every position, the class token's first: [B, N + 1, D]."""
        front = self.class_token.expand(embeddings.shape[0], 1, -1)
        tokens = self.dropout(torch.cat([front, embeddings], dim=1) + self.positions)
        seen = self._seen(padding)
        visible = None if seen is None else seen[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, visible)
        out: Tensor = self.norm(tokens)
        return out

    def encode(self, embeddings: Tensor, padding: Tensor | None = None) -> Tensor:
        """Embeddings [B, N, D], and where they are padding (bool [B, N]), to features [B, D].

        A feature is the mean over positions, the class token's included and, unless the pooling is "all", those of
        padding left out.
        """
        tokens = self.encode_tokens(embeddings, padding)
        seen = self._seen(padding)
        if seen is None:
            return tokens.mean(dim=1)
        weights = seen.to(tokens.dtype).unsqueeze(-1)
        return (tokens * weights).sum(dim=1) / weights.sum(dim=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Inputs [B, ...] to features [B, D]."""
        return self.encode(self.embed(inputs), self.padding(inputs))

    def _seen(self, padding: Tensor | None) -> Tensor | None:
        """Positions that count, the class token's first: bool [B, N + 1]; None where all do."""
        ignored = self.ignored(padding)
        return None if ignored is None else F.pad(~ignored, (1, 0), value=True)
