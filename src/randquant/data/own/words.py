"""Texts in, symbols of one length out: pieces of words, learnt from the texts that are trained on."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from randquant.data.mini import symbols
from randquant.errors import UserError
from randquant.libraries import library
from randquant.spec import Tokens

_LONGEST = 256  # symbols, unless --length says more
_LARGE, _SMALL = 4096, 1024  # symbols of a vocabulary
WORDY = 100_000  # texts that a vocabulary is learnt from, of more evenly spaced ones
_ENOUGH = 200_000  # characters from which the larger one is learnt


@dataclass(frozen=True)
class TextForm:
    """How texts become inputs.

    Args:
        spec: what comes out.
        vocabulary: the tokenizer, as JSON.
        longest: symbols of the longest text where the encoder was trained; 0 is not known.
    """

    spec: Tokens
    vocabulary: str
    longest: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """The text of every symbol."""
        return symbols.words_of(_tokenizer(self.vocabulary))

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """int64 [B, length], cut and padded."""
        return symbols.symbols(_tokenizer(self.vocabulary), texts, self.spec.length)


def fit_words(texts: Sequence[str], length: int, notes: list[str]) -> TextForm:
    """The form of texts like these.

    Args:
        texts: those that may be looked at.
        length: as the user wants it; 0 takes what 95 texts of 100 need.
        notes: gets a line for each thing inferred.

    Raises:
        UserError: all texts are empty.
    """
    characters = sum(map(len, texts))
    if not characters:
        raise UserError("data: all texts are empty, so there is nothing to learn")
    learner = symbols.learnt(texts, _LARGE if characters >= _ENOUGH else _SMALL)
    size = int(learner.get_vocab_size())
    notes.append(f"vocabulary: {size:,} pieces of words, learnt from {len(texts):,} texts of {characters:,} characters")
    counts = [len(one.ids) for one in learner.encode_batch(list(texts))]
    most = max(counts)
    if length:
        why = "as --length says"
    else:
        length = min(_LONGEST, max(2, int(np.ceil(np.percentile(counts, 95)))))
        whole = np.mean(np.array(counts) <= length)
        why = f"enough for {whole:.0%} of the texts, the longest has {most}; --length sets it"
    notes.append(f"length: {length} symbols ({why}); shorter texts are padded, and the padding is masked")
    return TextForm(Tokens(size, length, symbols.PADDING), learner.to_str(), most)


@functools.lru_cache(maxsize=8)
def _tokenizer(vocabulary: str) -> Any:
    tokenizers: Any = library("tokenizers", "text", "data")
    return tokenizers.Tokenizer.from_str(vocabulary)
