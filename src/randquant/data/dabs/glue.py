"""The Parquet files of GLUE in; English sentences and pairs of them out, with what is to be told about them.

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
from randquant.spec import Spec, Target

_BINARY, _SCORE = Target("binary", 1), Target("regression", 1)
_INFERENCE = ("entailment", "neutral", "contradiction")  # in the order of the labels


@dataclass(frozen=True)
class _Task:
    title: str
    rows: str  # in both parts
    columns: tuple[str, ...]
    target: Target = _BINARY
    metric: Metric = "accuracy"
    train: str = ""  # its folder, where that of the task holds the test part alone
    classes: tuple[str, ...] = ()


_TASKS = {
    "cola": _Task("COLA", "9.6k", ("sentence",), metric="pearson"),
    "mnli_matched": _Task(
        "MNLI_Matched", "403k", ("premise", "hypothesis"), Target("class", 3), train="mnli", classes=_INFERENCE
    ),
    "mnli_mismatched": _Task(
        "MNLI_Mismatched", "403k", ("premise", "hypothesis"), Target("class", 3), train="mnli", classes=_INFERENCE
    ),
    "mrpc": _Task("MRPC", "4.1k", ("sentence1", "sentence2")),
    "qnli": _Task("QNLI", "110k", ("question", "sentence")),
    "qqp": _Task("QQP", "404k", ("question1", "question2")),
    "rte": _Task("RTE", "2.8k", ("sentence1", "sentence2")),
    "sst2": _Task("SST2", "68k", ("sentence",)),
    "stsb": _Task("STSB", "7.2k", ("sentence1", "sentence2"), _SCORE, "spearman"),
    "wnli": _Task("WNLI", "0.7k", ("sentence1", "sentence2")),
}


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation rows, without those whose text is empty; the test labels are secret."""
    task = _TASKS[entry.name]
    files = {
        "train": shards(entry, root, f"{task.train or entry.name}/train"),
        "test": shards(entry, root, f"{entry.name}/validation"),
    }
    words = bert(root)
    parts = row_parts(files, Columns(task.columns), words, target=task.target)
    return entry.dataset(Spec((words.spec,), task.target), parts, task.classes)


ENTRIES = tuple(
    Entry(
        name=name,
        title=task.title,
        domain="english_text",
        roles=("transfer",),
        read=read,
        folder="glue",
        layout=f"{task.train or name}/train-*-of-*.parquet and {name}/validation-*-of-*.parquet",
        size=f"{task.rows} rows",
        licence="free; its authors' terms",
        obtain="from huggingface.co/datasets/nyu-mll/glue: "
        + (f"the folders {task.train} and {name}" if task.train else f"the folder {name}"),
        needs=("bert-base-uncased",),
        metric=task.metric,
        batch=128,
    )
    for name, task in _TASKS.items()
)
