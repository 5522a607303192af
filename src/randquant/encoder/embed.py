"""One input of a sample in, its tokens out: [B, ...] to [B, N, D].

Source: the embedding modules of the DABS benchmark (Tamkin et al., 2021), extended to grids of 3 dimensions and to
tables.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from randquant.spec import Grid, Input, Table, Tokens


class GridEmbedding(nn.Module):
    """Cut a grid into patches and map each by one linear layer: [B, C, *size] to [B, N, D]."""

    def __init__(self, spec: Grid, width: int) -> None:
        super().__init__()
        self.spec = spec
        self.projection = nn.Linear(spec.patch_values, width)

    def forward(self, values: Tensor) -> Tensor:
        """Patches in row-major order; within a patch the places are in row-major order and channels run fastest."""
        shape, dimensions = [len(values), self.spec.channels], len(self.spec.size)
        for size, patch in zip(self.spec.size, self.spec.patch, strict=True):
            shape += [size // patch, patch]
        outer, inner = [2 + 2 * d for d in range(dimensions)], [3 + 2 * d for d in range(dimensions)]
        patches = values.reshape(shape).permute(0, *outer, *inner, 1)  # [B, *size/patch, *patch, C]
        out: Tensor = self.projection(patches.reshape(len(values), self.spec.tokens, self.spec.patch_values))
        return out


class TokenEmbedding(nn.Embedding):
    """Look symbols up in a table: int64 [B, N] to [B, N, D]."""

    def __init__(self, spec: Tokens, width: int) -> None:
        super().__init__(spec.vocabulary, width)


class TableEmbedding(nn.Module):
    """One token a column: [B, columns + categories] to [B, N, D].

    A real-valued column scales a learned vector and adds another; a category's code selects a learned vector.
    """

    def __init__(self, spec: Table, width: int) -> None:
        super().__init__()
        self.columns = spec.columns
        self.weight = nn.Parameter(torch.randn(spec.columns, width))
        self.bias = nn.Parameter(torch.randn(spec.columns, width))
        self.categories = nn.ModuleList(nn.Embedding(codes, width) for codes in spec.categories)

    def forward(self, values: Tensor) -> Tensor:
        """Columns in their order."""
        numbers, codes = values[:, : self.columns], values[:, self.columns :].long()
        tokens = [numbers.unsqueeze(-1) * self.weight + self.bias]  # [B, columns, D]
        tokens += [table(codes[:, [place]]) for place, table in enumerate(self.categories)]  # [B, 1, D] each
        return torch.cat(tokens, dim=1)


def make_embedding(spec: Input, width: int) -> nn.Module:
    """The embedding module of one input."""
    if isinstance(spec, Grid):
        return GridEmbedding(spec, width)
    if isinstance(spec, Tokens):
        return TokenEmbedding(spec, width)
    return TableEmbedding(spec, width)
