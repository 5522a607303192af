"""The rated sentences of the VADER study in; sentences about films as symbols, negative or positive, out.

The task is to tell whether people found a sentence positive. The label is the sign of the mean of their ratings from
-4 to 4; sentences rated from -0.5 to 0.5 are left out. It is not about whole reviews: each sentence stands alone, and
the file does not say which film or review it comes from, so those may stand in both parts. Sentences of the same words
are one group. Every fifth group is for testing, in the order of the file.

Symbols are pieces of words. The vocabulary of 4,096 is learnt from the training part alone whenever the set is opened,
which takes a second and gives the same one every time. Sentences are cut or filled to 64 symbols.

Source: C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text", ICWSM 2014; sentences of B. Pang and L. Lee.
"""

from __future__ import annotations

import html
import tarfile
from pathlib import Path
from typing import Any

import torch

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry, Package
from randquant.data.mini.symbols import words_of
from randquant.data.present import folder_of, reading
from randquant.libraries import library
from randquant.spec import Spec, Target, Tokens

_FILE = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
_MEMBER = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
_UNDECIDED = 0.5
_TESTED = 5  # one group of so many
_VOCABULARY, _LENGTH = 4096, 64
SPEC = Spec((Tokens(vocabulary=_VOCABULARY, length=_LENGTH, padding=0),), Target("class", 2))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Symbols int64 [B, 64]; the id of a sentence is its number in the file."""
    path = folder_of(entry, root, _FILE) / _FILE
    with reading(path):
        numbers, ratings, sentences = _sentences(path)
    seen: dict[str, int] = {}
    groups = torch.tensor([seen.setdefault(one, len(seen)) for one in sentences])
    testing = groups % _TESTED == _TESTED - 1
    learner = _learnt([one for one, tested in zip(sentences, testing.tolist(), strict=True) if not tested])
    symbols = torch.tensor([one.ids for one in learner.encode_batch(sentences)])
    samples = Batch(torch.tensor(numbers), (symbols,), (torch.tensor(ratings) > 0).long(), groups)
    parts = {name: samples.take(rows.nonzero().squeeze(1)) for name, rows in (("train", ~testing), ("test", testing))}
    return entry.dataset(SPEC, parts, ("negative", "positive"), words_of(learner))


def _sentences(path: Path) -> tuple[list[int], list[float], list[str]]:
    """Numbers, ratings and lower-case texts of those sentences that were rated one way or the other."""
    with tarfile.open(path) as archive:
        member: Any = archive.extractfile(_MEMBER)
        lines = member.read().decode("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    decided = [row for row in rows if abs(float(row[1])) > _UNDECIDED]
    if len(decided) < _TESTED:
        raise ValueError(f"{_MEMBER} must hold {_TESTED} sentences or more that are rated beyond {_UNDECIDED}")
    texts = [" ".join(html.unescape(text).lower().split()) for _, _, text in decided]
    return [int(number) for number, _, _ in decided], [float(rating) for _, rating, _ in decided], texts


def _learnt(sentences: list[str]) -> Any:
    """A byte-pair tokenizer of these sentences; no byte is unknown to it."""
    tokenizers = library("tokenizers", "text", "data")
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel()
    # Without the prefixes and suffixes that it can mark pieces by, which get their numbers in an order of chance.
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=["[PAD]"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(sentences, trainer)
    learner.enable_truncation(_LENGTH)
    learner.enable_padding(length=_LENGTH, pad_id=0, pad_token="[PAD]")
    return learner


ENTRIES = (
    Entry(
        name="sentiment",
        title="Film sentences by rating",
        domain="english_text",
        roles=("mini",),
        read=read,
        folder="mini/sentiment",
        layout=_FILE,
        size="2.4 MB",
        licence="MIT",
        packages=(
            Package(
                client="pip",
                name="vaderSentiment",
                version="0.5",
                sha256="5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a",
                members=(_FILE,),
            ),
        ),
        batch=128,
    ),
)
