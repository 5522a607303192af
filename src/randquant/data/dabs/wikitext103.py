"""The Parquet files of WikiText-103 in; lines of English encyclopaedia articles out, as pieces of words.

Source: S. Merity et al., "Pointer Sentinel Mixture Models", ICLR 2017.
"""

from __future__ import annotations

from pathlib import Path

from randquant.data.batch import Dataset
from randquant.data.dabs.rows import Columns
from randquant.data.dabs.vocabularies import bert
from randquant.data.dabs.words import row_parts, shards
from randquant.data.entry import Entry
from randquant.spec import Spec

_STEMS = {"train": "wikitext-103-v1/train", "test": "wikitext-103-v1/validation"}


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official parts; every line that is not empty, a heading too, is a sample of its own."""
    files = {part: shards(entry, root, stem) for part, stem in _STEMS.items()}
    words = bert(root)
    return entry.dataset(Spec((words.spec,)), row_parts(files, Columns(("text",)), words))


ENTRIES = (
    Entry(
        name="wikitext103",
        title="WikiText-103",
        domain="english_text",
        roles=("pretrain",),
        read=read,
        folder="wikitext",
        layout="wikitext-103-v1/{train-*-of-*.parquet, validation-*-of-*.parquet}",
        size="~ 314 MB",
        licence="CC BY-SA 3.0",
        obtain="from huggingface.co/datasets/Salesforce/wikitext: the folder wikitext-103-v1",
        needs=("bert-base-uncased",),
        batch=128,
    ),
)
