"""The Parquet files of PAWS-X in; pairs of sentences in seven languages out, and whether they say the same.

Source: Y. Yang et al., "PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification", EMNLP 2019.
"""

from __future__ import annotations

from pathlib import Path

from randquant.data.batch import Dataset
from randquant.data.dabs.vocabularies import xlm_roberta
from randquant.data.dabs.words import row_parts, shards
from randquant.data.entry import Entry
from randquant.spec import Spec, Target

_LANGUAGES = {"en": "EN", "fr": "FR", "es": "ES", "de": "DE", "zh": "ZH", "ja": "JP", "ko": "KO"}  # as printed
_UNTRANSLATED = ("", "NS")


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and development pairs of one language; its test pairs stay unused."""
    language = entry.name.removeprefix("paws_")
    files = {
        "train": shards(entry, root, f"{language}/train"),
        "test": shards(entry, root, f"{language}/validation"),
    }
    words, target = xlm_roberta(root), Target("binary", 1)
    without = () if faithful else _UNTRANSLATED
    parts = row_parts(files, ("sentence1", "sentence2"), words, target=target, without=without)
    return entry.dataset(Spec((words.spec,), target), parts)


ENTRIES = tuple(
    Entry(
        name=f"paws_{language}",
        title=f"PAWS-X {printed}",
        domain="multilingual_text",
        roles=("transfer",),
        read=read,
        folder="paws-x",
        layout=f"{language}/{{train-*-of-*.parquet, validation-*-of-*.parquet}}",
        size="51k pairs",
        licence="free",
        obtain=f"from huggingface.co/datasets/google-research-datasets/paws-x: the folder {language}, "
        "once as Parquet files; it was not checked that they lie there as such",
        needs=("xlm-roberta-base",),
        batch=128,
        differences=(
            "Pairs of which a sentence was never translated, so that it is empty or reads NS, are left out; the "
            "benchmark keeps them.",
        ),
    )
    for language, printed in _LANGUAGES.items()
)
