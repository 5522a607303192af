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
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of
from randquant.spec import Spec, Target

_BINARY, _SCORE = Target("binary", 1), Target("regression", 1)
_INFERENCE = ("entailment", "neutral", "contradiction")  # in the order of the labels
_FOLLOWS = ("entailment", "not_entailment")
_SUMS = {  # of the archives; MRPC has none
    "CoLA.zip": "f212fcd832b8f7b435fb991f101abf89f96b933ab400603bf198960dfc32cbff",
    "MNLI.zip": "e7c1d896d26ed6caf700110645df426cc2d8ebf02a5ab743d5a5c68ac1c83633",
    "QNLIv2.zip": "e634e78627a29adaecd4f955359b22bf5e70f2cbd93b493f2d624138a0c0e5f5",
    "QQP.zip": "40e7c862c04eb26ee04b67fd900e76c45c6ba8e6d8fab4f8f1f8072a1a3fbae0",
    "RTE.zip": "6bf86de103ecd335f3441bd43574d23fef87ecc695977a63b82d5efb206556ee",
    "SST-2.zip": "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
    "STS-B.zip": "e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85",
    "WNLI.zip": "ae0e8e4d16f4d46d4a0a566ec7ecceccfd3fbfaa4a7a4b4e02848c0f2561ac46",
}
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


def _sources(task: _Task) -> tuple[Source, ...]:
    """The archive that unpacks into the task's folder of tab-separated text, if there is one."""
    archives = [name for name in _SUMS if name.removesuffix(".zip").removesuffix("v2") == task.published]
    return tuple(Source(f"https://dl.fbaipublicfiles.com/glue/data/{name}", sha256=_SUMS[name]) for name in archives)


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
        obtain=""
        if _sources(task)
        else f"from gluebenchmark.com, as the folder {task.published} of tab-separated text, or from "
        f"huggingface.co/datasets/nyu-mll/glue: the folder {name}",
        sources=_sources(task),
        needs=("bert-base-uncased",),
        metric=task.metric,
        batch=128,
    )
    for name, task in _TASKS.items()
)
