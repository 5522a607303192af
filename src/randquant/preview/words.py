"""Symbols and the table of their embeddings in, the symbols nearest to the quantized embeddings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from randquant.quantize import randomized_quantize
from randquant.quantize.arguments import Edges
from randquant.quantize.draw import Draws


@dataclass(frozen=True)
class Word:
    """One symbol in words, and whether it stands where another stood before."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class Reading:
    """A sample's symbols before, or those nearest to its quantized embeddings."""

    caption: str
    words: tuple[Word, ...]


def readings(
    symbols: Tensor,
    table: Tensor,
    words: Sequence[str],
    bins: Sequence[int],
    draws: Draws,
    padding: int | None,
    edges: Edges = "random",
) -> list[Reading]:
    """A sample's symbols as they are, then as every number of bins leaves them.

    Each dimension of the sample's embeddings is a channel over its symbols, as the method rq has it on embeddings;
    padding is left out of it.

    Args:
        symbols: int64 [1, N].
        table: the embedding of every symbol, [vocabulary, D].
        words: a word for each symbol; empty where they are not known, then their numbers stand for them.
        bins: the numbers of bins.
        draws: of one sample.
        padding: the symbol that fills up.
        edges: as in `randomized_quantize`.
    """
    said = symbols[0] if padding is None else symbols[0][symbols[0] != padding]  # [M]
    before = [_named(i, words) for i in said.tolist()]
    shown = [Reading("as it is", tuple(Word(text) for text in before))]
    embedded = table[said]  # [M, D]
    for count in bins:
        keys = draws.keys("rq/embeddings")
        view = (
            randomized_quantize(embedded[None], count, channel_dim=2, edges=edges, keys=keys)[0]
            if len(said) > 1
            else embedded
        )
        nearest = torch.cdist(view[None], table[None])[0].argmin(1)  # [M]
        changed = nearest != said
        closeness = torch.nn.functional.cosine_similarity(view, embedded, dim=1).mean() if len(said) else 1.0
        caption = f"{count} bins: {int(changed.sum())} of {len(said)} changed, cosine {float(closeness):.2f}"
        after = [_named(i, words) for i in nearest.tolist()]
        shown.append(
            Reading(caption, tuple(Word(text, bool(c)) for text, c in zip(after, changed.tolist(), strict=True)))
        )
    return shown


def _named(symbol: int, words: Sequence[str]) -> str:
    return words[symbol] if symbol < len(words) else f"#{symbol}"
