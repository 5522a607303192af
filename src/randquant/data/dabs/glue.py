"""The files of GLUE in, as published or as Parquet; English sentences and pairs of them out, each with its label.

Source: A. Wang et al., "GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding", ICLR
2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from randquant.data.batch import Dataset, Metric
from randquant.data.dabs.rows import Columns
from randquant.data.dabs.vocabularies import bert
from randquant.data.dabs.words import row_parts, shards
from randquant.data.entry import Entry
from randquant.data.present import folder_of
from randquant.spec import Spec, Target

_BINARY, _SCORE = Target("binary", 1), Target("regression", 1)
_INFERENCE = ("entailment", "neutral", "contradiction")  # in the order of the labels
_FOLLOWS = ("entailment", "not_entailment")
_MNLI = Columns(("sentence1", "sentence2"), "gold_label", _INFERENCE)


@dataclass(frozen=True)
class _Task:
    title: str
    rows: str  # in both parts
    columns: tuple[str, ...]
    published: str  # the folder of its tab-separated text
    text: Columns  # what is read there
    target: Target = _BINARY
    metric: Metric = "accuracy"
    train: str = ""  # its folder of Parquet files, where that of the task holds the test part alone
    dev: str = "dev.tsv"
    classes: tuple[str, ...] = ()


_TASKS = {
    "cola": _Task(
        "COLA",
        "9.6k",
        ("sentence",),
        "CoLA",
        Columns(("sentence",), header=("source", "label", "mark", "sentence"), closed=True),
        metric="pearson",
    ),
    "mnli_matched": _Task(
        "MNLI_Matched",
        "403k",
        ("premise", "hypothesis"),
        "MNLI",
        _MNLI,
        Target("class", 3),
        train="mnli",
        dev="dev_matched.tsv",
        classes=_INFERENCE,
    ),
    "mnli_mismatched": _Task(
        "MNLI_Mismatched",
        "403k",
        ("premise", "hypothesis"),
        "MNLI",
        _MNLI,
        Target("class", 3),
        train="mnli",
        dev="dev_mismatched.tsv",
        classes=_INFERENCE,
    ),
    "mrpc": _Task(
        "MRPC", "4.1k", ("sentence1", "sentence2"), "MRPC", Columns(("#1 String", "#2 String"), "Quality", closed=True)
    ),
    "qnli": _Task("QNLI", "110k", ("question", "sentence"), "QNLI", Columns(("question", "sentence"), words=_FOLLOWS)),
    "qqp": _Task(
        "QQP",
        "404k",
        ("question1", "question2"),
        "QQP",
        Columns(("question1", "question2"), "is_duplicate", gaps=True),
    ),
    "rte": _Task("RTE", "2.8k", ("sentence1", "sentence2"), "RTE", Columns(("sentence1", "sentence2"), words=_FOLLOWS)),
    "sst2": _Task("SST2", "68k", ("sentence",), "SST-2", Columns(("sentence",))),
    "stsb": _Task(
        "STSB",
        "7.2k",
        ("sentence1", "sentence2"),
        "STS-B",
        Columns(("sentence1", "sentence2"), "score"),
        _SCORE,
        "spearman",
    ),
    "wnli": _Task("WNLI", "0.7k", ("sentence1", "sentence2"), "WNLI", Columns(("sentence1", "sentence2"))),
}


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation rows, without those whose text is empty; the test labels are secret."""
    task = _TASKS[entry.name]
    if any((root / entry.folder / task.published).glob("*.tsv")):
        names = {"train": f"{task.published}/train.tsv", "test": f"{task.published}/{task.dev}"}
        folder = folder_of(entry, root, *names.values())
        files, columns = {part: [folder / name] for part, name in names.items()}, task.text
    else:
        files = {
            "train": shards(entry, root, f"{task.train or entry.name}/train"),
            "test": shards(entry, root, f"{entry.name}/validation"),
        }
        columns = Columns(task.columns)
    words = bert(root)
    parts = row_parts(files, columns, words, target=task.target)
    return entry.dataset(Spec((words.spec,), task.target), parts, task.classes)


ENTRIES = tuple(
    Entry(
        name=name,
        title=task.title,
        domain="english_text",
        roles=("transfer",),
        read=read,
        folder="glue",
        layout=f"{task.published}/{{train.tsv, {task.dev}}} or {task.train or name}/train-*-of-*.parquet and "
        f"{name}/validation-*-of-*.parquet",
        size=f"{task.rows} rows",
        licence="free; its authors' terms",
        obtain=f"from gluebenchmark.com, as the folder {task.published} of tab-separated text, or from "
        "huggingface.co/datasets/nyu-mll/glue: "
        + (f"the folders {task.train} and {name}" if task.train else f"the folder {name}"),
        needs=("bert-base-uncased",),
        metric=task.metric,
        batch=128,
    )
    for name, task in _TASKS.items()
)
