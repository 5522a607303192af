"""Texts in, sequences of symbols of one length out; the symbols are pieces of words, learnt from texts that are given.

Learning gives the same vocabulary every time. Texts are in lower case; no byte is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from randquant.libraries import library

PADDING, BETWEEN = 0, 1  # fills a short sequence up; stands between two texts


def learnt(texts: Sequence[str], vocabulary: int) -> Any:
    """A byte-pair tokenizer of these texts, of at most so many symbols."""
    tokenizers: Any = library("tokenizers", "text", "data")
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.NFC(), tokenizers.normalizers.Lowercase()]
    )
    learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["[PAD]", "[SEP]"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    return learner


def words_of(learner: Any) -> tuple[str, ...]:
    """The text of every symbol, a blank before those that begin a word."""
    decoder = library("tokenizers", "text", "data").decoders.ByteLevel()
    return tuple(decoder.decode([learner.id_to_token(number)]) for number in range(learner.get_vocab_size()))


def symbols(learner: Any, texts: Sequence[str], length: int) -> Tensor:
    """int64 [N, length], cut or filled up."""
    return _filled([one.ids for one in learner.encode_batch(texts)], length)


def joined(learner: Any, firsts: Sequence[str], seconds: Sequence[str], length: int) -> Tensor:
    """int64 [N, length] of pairs of texts; the first is cut so that it, and what parts them, take half at most."""
    ones, others = ([one.ids for one in learner.encode_batch(texts)] for texts in (firsts, seconds))
    pairs = zip(ones, others, strict=True)
    return _filled([[*one[: length // 2 - 1], BETWEEN, *other[: length // 2]] for one, other in pairs], length)


def _filled(sequences: Sequence[list[int]], length: int) -> Tensor:
    rows = [one[:length] + [PADDING] * (length - len(one)) for one in sequences]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length)
