"""The data root in, a vocabulary's `Words` out: BERT's for English, XLM-R's for many languages."""

from __future__ import annotations

import hashlib
from pathlib import Path

from randquant.data.dabs.words import Words
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of


def bert(root: Path, length: int = 128) -> Words:
    """The 30,522 pieces of bert-base-uncased.

    Raises:
        UserError: its file is not there.
    """
    return _words(_BERT, root, "vocab.txt", size=30522, padding=0, length=length)


def xlm_roberta(root: Path, length: int = 128) -> Words:
    """The 250,002 pieces of xlm-roberta-base.

    Raises:
        UserError: its file is not there.
    """
    return _words(_XLM_ROBERTA, root, "tokenizer.json", size=250002, padding=1, length=length)


def _words(entry: Entry, root: Path, name: str, *, size: int, padding: int, length: int) -> Words:
    file = folder_of(entry, root, name) / name
    return Words(file, hashlib.sha256(file.read_bytes()).hexdigest(), size, padding, length)


_BERT = Entry(
    name="bert-base-uncased",
    title="BERT's vocabulary",
    domain="english_text",
    roles=("vocabulary",),
    read=None,
    folder="bert-base-uncased",
    layout="vocab.txt",
    size="232 kB",
    licence="Apache 2.0",
    sources=(
        Source(
            "https://huggingface.co/google-bert/bert-base-uncased/resolve/"
            "86b5e0934494bd15c9632b12f734a8a67f723594/vocab.txt",
            sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            unpack=False,
        ),
    ),
)
_XLM_ROBERTA = Entry(
    name="xlm-roberta-base",
    title="XLM-R's vocabulary",
    domain="multilingual_text",
    roles=("vocabulary",),
    read=None,
    folder="xlm-roberta-base",
    layout="tokenizer.json",
    size="9.1 MB",
    licence="MIT",
    sources=(
        Source(
            "https://huggingface.co/FacebookAI/xlm-roberta-base/resolve/"
            "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089/tokenizer.json",
            sha256="a898ea75433890f6610f4e470b8ebeb0c21dce5c8dd61f892eb09eb5919d2e2c",
            unpack=False,
        ),
    ),
)
ENTRIES = (_BERT, _XLM_ROBERTA)
