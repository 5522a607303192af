"""The English and the multilingual texts of the benchmark, and tiny vocabularies in the form of the original ones."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.implementations import BertWordPieceTokenizer

from layouts.layout import Layout

ENGLISH = ["A river runs through the valley.", "The old mill stands near the river.", "Who built the mill, and when?"]
FOREIGN = [
    "Le moulin est vieux.",
    "Die Mühle ist alt.",
    "El molino es viejo.",
    "水车很旧。",
    "水車は古い。",
    "물레방아는 낡았다.",
]
LANGUAGES = ("en", "fr", "de", "zh", "es", "ja", "ko")  # in the order in which mC4 is read


@functools.cache
def xlm_roberta_tokenizer() -> str:
    """The text of a tokenizer.json with XLM-R's marks and their numbers, and a few dozen pieces."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    marks = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=marks, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(ENGLISH + FOREIGN, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return str(tokenizer.to_str())


def xlm_roberta(root: Path) -> None:
    """xlm-roberta-base/tokenizer.json"""
    (root / "xlm-roberta-base").mkdir(parents=True, exist_ok=True)
    (root / "xlm-roberta-base" / "tokenizer.json").write_text(xlm_roberta_tokenizer(), encoding="utf-8")


def bert(root: Path) -> None:
    """bert-base-uncased/vocab.txt"""
    (root / "bert-base-uncased").mkdir(parents=True, exist_ok=True)
    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(ENGLISH, vocab_size=120, show_progress=False)
    tokenizer.save_model(str(root / "bert-base-uncased"))


def table(file: Path, columns: Mapping[str, Sequence[Any]], rows_in_a_group: int = 2) -> None:
    """A Parquet file, in groups of rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), file, row_group_size=rows_in_a_group)


def tabbed(file: Path, columns: Mapping[str, Sequence[Any]], header: bool = True) -> None:
    """A file of tab-separated text, as it is: a quotation mark is nothing special."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [*([columns] if header else []), *zip(*columns.values(), strict=True)]
    file.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


def wikitext103(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Two files to train on, with four lines that are not empty, and one to validate on, with two."""
    bert(root)
    folder = root / "wikitext" / "wikitext-103-v1"
    table(folder / "train-00000-of-00002.parquet", {"text": ["", " = The Mill = \n", "", f" {ENGLISH[0]} \n", ""]})
    table(folder / "train-00001-of-00002.parquet", {"text": [f" {ENGLISH[1]} \n", "", f" {ENGLISH[2]} \n"]})
    table(folder / "validation-00000-of-00001.parquet", {"text": ["", " = A River = \n", f" {ENGLISH[2]} \n"]})


GLUE = {  # the folder to train on, the columns of the texts in order, labels to train and to validate on
    "cola": ("cola", ("sentence",), [1, 0, 1], [0, 1]),
    "mnli_matched": ("mnli", ("premise", "hypothesis"), [2, 0, 1, 1], [1, 2]),
    "mnli_mismatched": ("mnli", ("premise", "hypothesis"), [2, 0, 1, 1], [0, 1]),
    "mrpc": ("mrpc", ("sentence1", "sentence2"), [1, 1, 0], [0, 1]),
    "qnli": ("qnli", ("question", "sentence"), [0, 1, 1], [1, 0]),
    "qqp": ("qqp", ("question1", "question2"), [0, 1, 0], [0, 1]),
    "rte": ("rte", ("sentence1", "sentence2"), [1, 0, 0], [1, 0]),
    "sst2": ("sst2", ("sentence",), [0, 1, 1], [1, 0]),
    "stsb": ("stsb", ("sentence1", "sentence2"), [5.0, 0.25, 3.8], [2.5, 0.0]),
    "wnli": ("wnli", ("sentence1", "sentence2"), [0, 1, 1], [0, 0]),
}


FOLLOWS, INFERENCE = ("entailment", "not_entailment"), ("entailment", "neutral", "contradiction")
MNLI = (
    "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse "
    "sentence1 sentence2 label1"
)
PUBLISHED = {  # the folder, columns of the text to train on, those of the texts, that of the label, and its words
    "cola": ("CoLA", "source label mark sentence", ("sentence",), "label", ()),
    "mnli_matched": ("MNLI", f"{MNLI} gold_label", ("sentence1", "sentence2"), "gold_label", INFERENCE),
    "mnli_mismatched": ("MNLI", f"{MNLI} gold_label", ("sentence1", "sentence2"), "gold_label", INFERENCE),
    "mrpc": ("MRPC", "Quality #1_ID #2_ID #1_String #2_String", ("#1 String", "#2 String"), "Quality", ()),
    "qnli": ("QNLI", "index question sentence label", ("question", "sentence"), "label", FOLLOWS),
    "qqp": ("QQP", "id qid1 qid2 question1 question2 is_duplicate", ("question1", "question2"), "is_duplicate", ()),
    "rte": ("RTE", "index sentence1 sentence2 label", ("sentence1", "sentence2"), "label", FOLLOWS),
    "sst2": ("SST-2", "sentence label", ("sentence",), "label", ()),
    "stsb": (
        "STS-B",
        "index genre filename year old_index source1 source2 sentence1 sentence2 score",
        ("sentence1", "sentence2"),
        "score",
        (),
    ),
    "wnli": ("WNLI", "index sentence1 sentence2 label", ("sentence1", "sentence2"), "label", ()),
}


def sentences(name: str, part: str) -> tuple[list[list[str]], list[Any]]:
    """The columns of texts of a task of GLUE and its labels.

    The second row to train on has an empty text, and a label that shows where it is read.
    """
    _, columns, training, validation = GLUE[name]
    labels = [training[0], 1 - training[0], *training[1:]] if part == "train" else validation
    texts = [[ENGLISH[(row + place) % 3] for row in range(len(labels))] for place in range(len(columns))]
    texts[0][0] = f'"{texts[0][0]}'  # a quotation mark without its other
    if part == "train":
        texts[-1][1] = ""
    return texts, labels


def dev(name: str) -> str:
    """The published file that a task is validated on."""
    return f"dev{name.removeprefix('mnli')}.tsv" if name.startswith("mnli") else "dev.tsv"


def glue(name: str, root: Path) -> None:
    """A task of GLUE as it was published."""
    bert(root)
    folder, header, columns, label, words = PUBLISHED[name]
    for part in ("train", "validation"):
        texts, labels = sentences(name, part)
        names = [one.replace("_", " ") if name == "mrpc" else one for one in header.split()]
        if part == "validation" and name.startswith("mnli"):
            names[-1:] = [*(f"label{number}" for number in range(2, 6)), "gold_label"]
        written: dict[str, Sequence[Any]] = {one: ["0"] * len(labels) for one in names}
        written |= dict(zip(columns, texts, strict=True))
        written[label] = [words[one] for one in labels] if words else labels
        tabbed(root / "glue" / folder / ("train.tsv" if part == "train" else dev(name)), written, header=name != "cola")


def glue_parquet(name: str, root: Path) -> None:
    """A task of GLUE as Parquet files."""
    bert(root)
    train, columns, *_ = GLUE[name]
    for folder, part in ((train, "train"), (name, "validation")):
        texts, labels = sentences(name, part)
        file = root / "glue" / folder / f"{part}-00000-of-00001.parquet"
        table(file, {"idx": list(range(len(labels))), "label": labels, **dict(zip(columns, texts, strict=True))})


def pairs() -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Pairs of PAWS-X to train and to validate on; one of each was not translated, one has a mark without its other."""
    first, second = [FOREIGN[0], f'"{FOREIGN[1]}', *FOREIGN[2:4]], FOREIGN[2:]
    return (
        {"id": [1, 2, 3, 4], "sentence1": first, "sentence2": [*second[:3], ""], "label": [0, 1, 1, 0]},
        {"id": [1, 2, 3], "sentence1": ["NS", *first[:2]], "sentence2": ["NS", *second[:2]], "label": [1, 0, 1]},
    )


def paws(language: str, root: Path) -> None:
    """One language as it was published."""
    xlm_roberta(root)
    train, validation = pairs()
    folder = root / "paws-x" / "x-final" / language
    tabbed(folder / ("train.tsv" if language == "en" else "translated_train.tsv"), train)
    tabbed(folder / "dev_2k.tsv", validation)


def paws_parquet(language: str, root: Path) -> None:
    """One language as Parquet files."""
    xlm_roberta(root)
    for part, columns in zip(("train", "validation"), pairs(), strict=True):
        table(root / "paws-x" / language / f"{part}-00000-of-00001.parquet", columns)


def documents(file: Path, texts: Sequence[str]) -> None:
    """A file of mC4: a line of JSON each, packed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": text, "timestamp": "2019-01-01T00:00:00Z", "url": "http://x"}) for text in texts]
    file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def mc4(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Four English documents in two files, three of each other language; one of each to validate on."""
    xlm_roberta(root)
    folder = root / "mc4" / "multilingual"
    for number, language in enumerate(LANGUAGES):
        texts = [f"{FOREIGN[number % 6]} {place}" for place in range(4)]
        first = 2 if language == "en" else 3
        documents(folder / f"c4-{language}.tfrecord-00000-of-01024.json.gz", texts[:first])
        if language == "en":
            documents(folder / f"c4-{language}.tfrecord-00001-of-01024.json.gz", texts[first:])
        documents(folder / f"c4-{language}-validation.tfrecord-00000-of-00008.json.gz", texts[:1])


_ENGLISH_PIECES, _PIECES = ((0.0, 30521.0),), ((0.0, 250001.0),)

LAYOUTS = {
    "wikitext103": Layout(
        write=wikitext103,
        targets={"train": 4, "test": 2},
        broken="wikitext/wikitext-103-v1/train-00001-of-00002.parquet",
        values=_ENGLISH_PIECES,
    ),
    **{
        name: Layout(
            write=lambda root, patch, name=name: glue(name, root),
            targets={"train": training, "test": validation},
            broken=f"glue/{PUBLISHED[name][0]}/{dev(name)}",
            values=_ENGLISH_PIECES,
        )
        for name, (_, _, training, validation) in GLUE.items()
    },
    "mc4": Layout(
        write=mc4,
        targets={"train": 21, "test": 7},
        broken="mc4/multilingual/c4-de.tfrecord-00000-of-01024.json.gz",
        values=_PIECES,
    ),
    **{
        f"paws_{language}": Layout(
            write=lambda root, patch, language=language: paws(language, root),
            targets={"train": [0, 1, 1], "test": [0, 1]},
            faithful={"train": [0, 1, 1, 0], "test": [1, 0, 1]},
            broken=f"paws-x/x-final/{language}/dev_2k.tsv",
            values=_PIECES,
        )
        for language in LANGUAGES
    },
}
PARQUET = {  # the same samples from the Hub's files
    **{
        name: replace(
            LAYOUTS[name],
            write=lambda root, patch, name=name: glue_parquet(name, root),
            broken=f"glue/{train}/train-00000-of-00001.parquet",
        )
        for name, (train, *_) in GLUE.items()
    },
    **{
        f"paws_{language}": replace(
            LAYOUTS[f"paws_{language}"],
            write=lambda root, patch, language=language: paws_parquet(language, root),
            broken=f"paws-x/{language}/validation-00000-of-00001.parquet",
        )
        for language in LANGUAGES
    },
}
