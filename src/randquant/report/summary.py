"""The tables of a suite in, one table of all its tasks out: means, published figures, paired differences, averages.

Where a suite was probed by nearest neighbours too, its table has one of the same kind for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import get_args

from randquant.data.dabs.published import published
from randquant.report.findings import known_before
from randquant.report.looks import PLAIN, Look, looks, ordered
from randquant.report.paired import Gap, paired
from randquant.report.results import Line, Results
from randquant.report.standing import counted, differences, standing
from randquant.report.table import HEADS, Table, Value
from randquant.settings import Suite

DIFFERENCES = (("rq", "emix"), ("rq", "none"))  # what the paper claims to be ahead of what
_OWN = ("linear", "finetune", "knn")  # the first of these heads that a task has is its figure


@dataclass(frozen=True)
class TaskRow:
    """A task's figures with all labels.

    Args:
        head: what was trained on top; "" where nothing was measured.
        metric: what they are, such as "accuracy".
        samples: in the test part.
        chance: what is reached by knowing nothing but the commonest answer.
        within: half the 95 % interval of that in so many samples; None for an area under a curve, where it depends on
            how many samples show each finding.
        cells: by method; None where nothing was measured.
        published: figures of the paper by method, as shares; empty where there are none.
        synthetic: whether its samples are made up.
        comparable: by method, whether its figure was measured as the published one was.
        gaps: by pair of methods.
        above_plain: the trained methods that are ahead of every plain row.
    """

    domain: str
    task: str
    head: str
    metric: str
    samples: int | None
    chance: float | None
    within: float | None
    cells: Mapping[str, Value | None]
    published: Mapping[str, float]
    synthetic: bool
    comparable: Mapping[str, bool]
    gaps: Mapping[tuple[str, str], Gap]
    above_plain: tuple[str, ...]

    @property
    def luck(self) -> tuple[float, float] | None:
        """The 95 % interval of what knowing nothing reaches in a test part of this size; None where `within` is."""
        if self.chance is None or self.within is None:
            return None
        least = 0.0 if self.metric == "accuracy" else -1.0
        return max(self.chance - self.within, least), min(self.chance + self.within, 1.0)

    def by_chance(self, value: float) -> bool:
        """Whether a figure is no more than the commonest answer and luck would give."""
        return self.chance is not None and self.within is not None and value <= self.chance + self.within


@dataclass(frozen=True)
class DomainRow:
    """The mean over those tasks of a domain that all its methods have, by method; real data only.

    Args:
        tasks: how many those are.
        real: how many tasks of real data the domain has here.
        means: of the methods that have a figure on any of the domain's real tasks.
    """

    domain: str
    tasks: int
    real: int
    means: Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """All tasks of a suite.

    Args:
        neighbours: the same by nearest neighbours, where these are not the figures themselves.
    """

    suite: str
    methods: Mapping[str, Look]
    tasks: tuple[TaskRow, ...]
    domains: tuple[DomainRow, ...]
    neighbours: Summary | None = None

    @property
    def by(self) -> str:
        """What was trained on top: "linear probe", "linear probe or fine-tuning"; "" where nothing was measured."""
        nouns = HEADS | {"finetune": "fine-tuning"}
        return " or ".join(dict.fromkeys(nouns.get(row.head, row.head).lower() for row in self.tasks if row.head))

    @property
    def heads(self) -> tuple[Summary, ...]:
        """This, and that of the neighbours where there is one."""
        return (self,) if self.neighbours is None else (self, self.neighbours)

    @property
    def compared(self) -> list[tuple[str, str]]:
        """The pairs of methods that any task has a difference of, the paper's first."""
        return [pair for pair in comparisons(self.methods) if any(pair in row.gaps for row in self.tasks)]

    def terms(self, pair: tuple[str, str]) -> list[str]:
        """A difference's two, such as "RQ" and "(crop + RQ)"."""
        titles = (self.methods[method].title for method in pair)
        return [f"({title})" if " + " in title else title for title in titles]

    @property
    def headline(self) -> str:
        """Whether a trained method beats the plain rows; without these, the first of the differences."""
        tasks, methods = (counted(len(some), word) for some, word in ((self.tasks, "task"), (self.methods, "method")))
        told = f"by {self.by}, {self.says[0]}" if self.says else f"{tasks}, {methods}"
        if known := known_before([row.task for row in self.tasks]):
            told = f"{known}, {told}"
        return told[0].upper() + told[1:]

    @property
    def says(self) -> tuple[str, ...]:
        """What may be said of the plain rows and of each difference of the paper."""
        pairs = [pair for pair in self.compared if pair in DIFFERENCES]
        return tuple(filter(None, [standing(self.tasks, self.methods), *differences(self.tasks, self.methods, pairs)]))

    @property
    def told(self) -> str:
        """All that may be said, by each head."""
        return ". ".join(f"By {one.by}, {'; '.join(one.says)}" for one in self.heads if one.says)

    @property
    def without_mean(self) -> tuple[str, ...]:
        """The domains that have tasks and no mean."""
        averaged = {row.domain for row in self.domains}
        missing = dict.fromkeys(row.domain for row in self.tasks if row.domain and row.domain not in averaged)
        return tuple(domain.replace("_", " ") for domain in missing)

    @property
    def with_domains(self) -> bool:
        """Whether there is a domain to speak of."""
        return bool(self.domains or self.without_mean)

    @property
    def with_published(self) -> bool:
        """Whether published figures stand beside any row."""
        return any(row.published for row in self.tasks)


def comparisons(methods: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs that are compared: the paper's, RQ with every other method, and a partner with and without RQ."""
    here = list(methods)
    pairs = [*DIFFERENCES, *(("rq", method) for method in here), ("emix", "none")]
    pairs += [(method, method.replace("+rq", "")) for method in here if method.partition("@")[0].endswith("+rq")]
    return [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1] and set(pair) <= set(here)]


def summaries(tables: Sequence[Table], results: Results) -> tuple[Summary, ...]:
    """A table of all tasks for each suite that `randquant bench` measures, and for another that has several tasks."""
    by_suite: dict[str, list[Table]] = {}
    for table in tables:
        by_suite.setdefault(table.suite, []).append(table)
    return tuple(
        _summary(suite, own, [line for line in results.scores if line["suite"] == suite])
        for suite, own in by_suite.items()
        if len(own) > 1 or suite in get_args(Suite)
    )


def _summary(suite: str, tables: Sequence[Table], lines: Sequence[Line]) -> Summary:
    whole = _by_heads(_OWN, suite, tables, lines)
    near = [table for table in tables if ("knn", "all") in table.columns]
    if not near or all(row.head in ("knn", "") for row in whole.tasks):
        return whole
    return replace(whole, neighbours=_by_heads(("knn",), suite, near, lines))


def _by_heads(heads: Sequence[str], suite: str, tables: Sequence[Table], lines: Sequence[Line]) -> Summary:
    """The figures of the first of these heads that each task has."""
    methods = ordered({row.method for table in tables for row in table.rows})
    rows = tuple(
        _task(heads, table, methods, [line for line in lines if line["task"] == table.task]) for table in tables
    )
    return Summary(suite, looks(methods), rows, tuple(_domains(rows, methods)))


def _task(heads: Sequence[str], table: Table, methods: Sequence[str], lines: Sequence[Line]) -> TaskRow:
    place = next(
        (i for head in heads for i, one in enumerate(table.columns) if (one.head, one.labels) == (head, "all")), None
    )
    cells = {row.method: None if place is None else row.cells[place] for row in table.rows}
    head = "" if place is None else table.columns[place].head
    told = next((line for line in lines if line["head"] == head), {})
    whole: dict[str, list[Line]] = {method: [] for method in methods}
    for line in lines:
        if (line["head"], line["labels"]) == (head, "all"):
            whole[line["method"]].append(line)
    metric = str(told.get("metric", "_")).split("_", 1)[1]
    chance = told.get("chance")
    return TaskRow(
        domain=table.domain,
        task=table.task,
        head=head,
        metric=metric,
        samples=table.samples,
        chance=chance,
        within=_within(metric, chance, table.samples),
        cells={method: cells.get(method) for method in methods},
        published={} if head == "knn" else _published(table.suite, table.task),
        synthetic=bool(told.get("synthetic")),
        comparable={method: all(line.get("comparable") for line in some) for method, some in whole.items() if some},
        gaps={
            pair: gap
            for pair in comparisons(methods)
            if (gap := paired(*(whole[method] for method in pair))) is not None
        },
        above_plain=tuple(_above_plain(whole)),
    )


def _above_plain(whole: Mapping[str, Sequence[Line]]) -> Iterator[str]:
    plain = [some for method, some in whole.items() if method in PLAIN and some]
    for method, some in whole.items():
        gaps = [paired(some, other) for other in plain] if method not in PLAIN else []
        if gaps and all(gap is not None and gap.decided and gap.mean > 0 for gap in gaps):
            yield method


def _within(metric: str, chance: float | None, samples: int | None) -> float | None:
    """Half the 95 % interval of what knowing nothing reaches: binomial for a share, or that of a correlation of 0."""
    if chance is None or not samples:
        return None
    spread = {"accuracy": chance * (1 - chance), "pearson": 1.0, "spearman": 1.0}.get(metric)
    return None if spread is None else float(1.96 * (spread / samples) ** 0.5)


def _published(suite: str, task: str) -> dict[str, float]:
    """The paper's figures stand beside the benchmark's own tasks alone."""
    if suite != "dabs":
        return {}
    return {name: value / 100 for row in published() if row.task == task for name, value in row.figures.items()}


def _domains(rows: Sequence[TaskRow], methods: Sequence[str]) -> list[DomainRow]:
    found = []
    for domain in dict.fromkeys(row.domain for row in rows if row.domain):  # labels of one's own have no common scale
        real = [row for row in rows if row.domain == domain and not row.synthetic]
        own = [method for method in methods if any(row.cells[method] for row in real)]
        whole = [row for row in real if all(row.cells[method] for method in own)]
        if own and whole:
            means = {m: fmean(cell.mean for row in whole if (cell := row.cells[m])) for m in own}
            found.append(DomainRow(domain, len(whole), len(real), means))
    return found
