"""One input of a sample in, its tokens out: [B, ...] to [B, N, D].

Every embedding can also say what its tokens stand for, which methods ask that fill gaps: the first ones for `patches`
of `patch_values` real numbers, 0 where there are none, those after them for `symbols`.

Source: the embedding modules of the DABS benchmark (Tamkin et al., 2021), extended to grids of 3 dimensions and to
tables.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.spec import Grid, Input, Table, Tokens


class GridEmbedding(nn.Module):
    """Cut a grid into patches and map each by one linear layer: [B, C, *size] to [B, N, D]."""

    def __init__(self, spec: Grid, width: int) -> None:
        super().__init__()
        self.spec, self.patch_values = spec, spec.patch_values
        self.projection = nn.Linear(spec.patch_values, width)

    def forward(self, values: Tensor) -> Tensor:
        """Patches in row-major order."""
        out: Tensor = self.projection(self.patches(values))
        return out

    def patches(self, values: Tensor) -> Tensor:
        """The numbers of each patch, [B, N, patch_values]: places in row-major order, channels run fastest."""
        values = filled(values) if self.spec.gaps else values
        return self._cut(values).to(self.projection.weight.dtype)

    def absent(self, values: Tensor) -> Tensor:
        """Patches that hold no value: bool [B, N]."""
        return self._cut(values.isnan()).all(dim=2)

    def _cut(self, values: Tensor) -> Tensor:
        shape, dimensions = [values.shape[0], self.spec.channels], len(self.spec.size)
        for size, patch in zip(self.spec.size, self.spec.patch, strict=True):
            shape += [size // patch, patch]
        outer, inner = [2 + 2 * d for d in range(dimensions)], [3 + 2 * d for d in range(dimensions)]
        patches = values.reshape(shape).permute(0, *outer, *inner, 1)  # [B, *size/patch, *patch, C]
        return patches.reshape(values.shape[0], self.spec.tokens, self.patch_values)

    def symbols(self, values: Tensor) -> list[tuple[Tensor, Tensor]]:
        """None."""
        return []


class TokenEmbedding(nn.Embedding):
    """Look symbols up in a table: int64 [B, N] to [B, N, D]."""

    def __init__(self, spec: Tokens, width: int) -> None:
        super().__init__(spec.vocabulary, width)
        self.patch_values, self.padding = 0, spec.padding

    def patches(self, values: Tensor) -> Tensor:
        """None: [B, 0, 0]."""
        return values.new_zeros((len(values), 0, 0), dtype=self.weight.dtype)

    def absent(self, values: Tensor) -> Tensor:
        """Positions of padding: bool [B, N]."""
        return values == (-1 if self.padding is None else self.padding)

    def symbols(self, values: Tensor) -> list[tuple[Tensor, Tensor]]:
        """All symbols, int64 [B, N], and the vectors they may have, [vocabulary, D]."""
        return [(values, self.weight)]


class TableEmbedding(nn.Module):
    """One token a column: [B, columns + categories] to [B, N, D].

    A real-valued column scales a learned vector and adds another; a category's code selects a learned vector.
    """

    def __init__(self, spec: Table, width: int) -> None:
        super().__init__()
        self.columns, self.patch_values, self.gaps = spec.columns, min(spec.columns, 1), spec.gaps
        self.weight = nn.Parameter(torch.randn(spec.columns, width))
        self.bias = nn.Parameter(torch.randn(spec.columns, width))
        self.categories = nn.ModuleList(nn.Embedding(codes, width) for codes in spec.categories)

    def forward(self, values: Tensor) -> Tensor:
        """Columns in their order."""
        tokens = [self.patches(values) * self.weight + self.bias]  # [B, columns, D]
        tokens += [F.embedding(codes, table) for codes, table in self.symbols(values)]  # [B, 1, D] each
        return torch.cat(tokens, dim=1)

    def patches(self, values: Tensor) -> Tensor:
        """The real-valued columns, a number each: [B, columns, 1]."""
        numbers = values[:, : self.columns].unsqueeze(-1).to(self.weight.dtype)
        return filled(numbers) if self.gaps else numbers

    def absent(self, values: Tensor) -> Tensor:
        """Columns without a number: bool [B, columns + categories]."""
        return values.isnan()

    def symbols(self, values: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The codes of each category's column, int64 [B, 1], and the vectors they may have, [codes, D]."""
        codes = values[:, self.columns :].long()
        return [(codes[:, [place]], cast(nn.Embedding, table).weight) for place, table in enumerate(self.categories)]


def filled(values: Tensor) -> Tensor:
    """The same, with 0 where a value is missing."""
    return values.masked_fill(values.isnan(), 0)


Embedding: TypeAlias = GridEmbedding | TokenEmbedding | TableEmbedding


def make_embedding(spec: Input, width: int) -> Embedding:
    """The embedding module of one input."""
    if isinstance(spec, Grid):
        return GridEmbedding(spec, width)
    if isinstance(spec, Tokens):
        return TokenEmbedding(spec, width)
    return TableEmbedding(spec, width)
