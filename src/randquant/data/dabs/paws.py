"""The files of PAWS-X in, as published or as Parquet; pairs of sentences in seven languages out, with their labels.

A label says whether both sentences of a pair mean the same.

Source: Y. Yang et al., "PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification", EMNLP 2019.
"""

from __future__ import annotations

from pathlib import Path

from randquant.data.batch import Dataset
from randquant.data.dabs.rows import Columns
from randquant.data.dabs.vocabularies import xlm_roberta
from randquant.data.dabs.words import row_parts, shards
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of
from randquant.spec import Spec, Target

_LANGUAGES = {"en": "EN", "fr": "FR", "es": "ES", "de": "DE", "zh": "ZH", "ja": "JP", "ko": "KO"}  # as printed
_UNTRANSLATED = ("", "NS")


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and development pairs of one language; its test pairs stay unused."""
    files = _files(entry, root, entry.name.removeprefix("paws_"))
    words, target = xlm_roberta(root), Target("binary", 1)
    without = () if faithful else _UNTRANSLATED
    parts = row_parts(files, Columns(("sentence1", "sentence2")), words, target=target, without=without)
    return entry.dataset(Spec((words.spec,), target), parts)


def _files(entry: Entry, root: Path, language: str) -> dict[str, list[Path]]:
    """Those of the published archive, where any of them is there, or else the Parquet files."""
    if any((root / entry.folder / "x-final" / language).glob("*.tsv")):
        names = [f"x-final/{language}/{name}" for name in (_train(language), "dev_2k.tsv")]
        folder = folder_of(entry, root, *names)
        return {part: [folder / name] for part, name in zip(("train", "test"), names, strict=True)}
    return {
        "train": shards(entry, root, f"{language}/train"),
        "test": shards(entry, root, f"{language}/validation"),
    }


def _train(language: str) -> str:
    return "train.tsv" if language == "en" else "translated_train.tsv"


ENTRIES = tuple(
    Entry(
        name=f"paws_{language}",
        title=f"PAWS-X {printed}",
        domain="multilingual_text",
        roles=("transfer",),
        read=read,
        folder="paws-x",
        layout=f"x-final/{language}/{{{_train(language)}, dev_2k.tsv}} or "
        f"{language}/{{train-*-of-*.parquet, validation-*-of-*.parquet}}",
        size="51k pairs",
        licence="free",
        sources=(
            Source(
                "https://storage.googleapis.com/paws/pawsx/x-final.tar.gz",
                sha256="4146db499101d66e68ae4c8ed3cf9dadecd625f44b7d8cf3d4a0fe93afc4fd9f",
            ),
        ),
        needs=("xlm-roberta-base",),
        batch=128,
        differences=(
            "Pairs of which a sentence was never translated, so that it is empty or reads NS, are left out; the "
            "benchmark keeps them.",
        ),
    )
    for language, printed in _LANGUAGES.items()
)
