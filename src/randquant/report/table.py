"""Result lines in, the table of one task out: a row a method, a column a head and number of labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import fmean, stdev
from typing import NamedTuple

from randquant.probe.shares import luck_between
from randquant.report.looks import PLAIN, Look, looks, ordered
from randquant.report.paired import paired
from randquant.report.results import Line, Results

HEADS = {"linear": "Linear probe", "knn": "Nearest neighbours", "finetune": "Fine-tuned", "boosted": "Boosted trees"}
METRICS = {"auroc": "AUROC", "pearson": "Pearson correlation", "spearman": "Spearman correlation"}
_HALF_A_DIGIT = 0.0005  # values are shown to a tenth of a percent


class Column(NamedTuple):
    """A head, and with how many labels a class it was trained."""

    head: str
    labels: str

    @property
    def words(self) -> str:
        """ "with 5 labels a class" or "with all labels"."""
        if self.labels == "all":
            return "with all labels"
        return f"with {self.labels} label{'' if self.labels == '1' else 's'} a class"


@dataclass(frozen=True)
class Value:
    """A mean and its two spreads, all between 0 and 1.

    Args:
        mean: over label draws, then over seeds.
        draws: standard deviation over label draws, within a seed, averaged over seeds; None where nothing was drawn.
        seeds: standard deviation of the seeds' means; None with one seed.
        count: how many seeds.
        each: what they are made of, by seed and draw.
        whole: the lines themselves where all labels were used, and once from each seed.
        tested: how many samples it is a share of; None where it is no share.
    """

    mean: float
    draws: float | None
    seeds: float | None
    count: int
    each: Mapping[tuple[int, int], float]
    whole: tuple[Line, ...] = ()
    tested: int | None = None

    def ahead_of(self, other: Value) -> tuple[float, float]:
        """How far this is ahead of another value, and how far it must be so that it is no luck.

        With all labels that is half the 95 % interval of the paired difference. With few, seeds and draws that both
        have are compared one by one, since they share their labelled samples, and it is twice the standard error; of
        one seed no less than the standard deviation, as in the sentence of a probe and of a fine-tuning; and never less
        than what two shares of so many samples differ by. A single pair of what is no share may be luck however far
        apart it is.
        """
        paired_gap = paired(self.whole, other.whole)
        if paired_gap is not None and paired_gap.interval is not None:
            return paired_gap.mean, paired_gap.interval[1] - paired_gap.mean
        gaps = [value - other.each[place] for place, value in self.each.items() if place in other.each]
        over_draws = 2 * stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
        if len(gaps) > 1 and min(self.count, other.count) == 1:
            over_draws = max(over_draws, stdev(gaps))
        if self.tested:
            luck = max(over_draws, luck_between(self.mean, other.mean, self.tested))
        else:
            luck = over_draws if len(gaps) > 1 else inf
        return fmean(gaps) if gaps else self.mean - other.mean, luck


@dataclass(frozen=True)
class Row:
    """A method's values; its cells stand in the order of the table's columns, None where nothing was measured."""

    method: str
    look: Look
    plain: bool
    cells: tuple[Value | None, ...]
    failed: int = 0

    def mean(self, column: int) -> float | None:
        """The mean in a column."""
        cell = self.cells[column]
        return cell.mean if cell else None


@dataclass(frozen=True)
class Table:
    """One task's results.

    Args:
        samples: how many were tested, over folds.
        seconds: of each method's cells.
        folds: how many parts were tested in turn.
    """

    suite: str
    domain: str
    task: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    metric: str = "accuracy"
    samples: int | None = None
    seconds: dict[str, list[float]] = field(default_factory=dict)
    folds: int = 1

    @property
    def tuned(self) -> bool:
        """Whether encoders were fine-tuned here, and none was probed."""
        return bool(self.columns) and all(column.head == "finetune" for column in self.columns)

    @property
    def drawn(self) -> str:
        """What the first of a value's spreads is over: "draws" of the few labels, or "folds", each with its own."""
        return "folds" if self.folds > 1 else "draws"

    @property
    def took(self) -> str:
        """What its seconds were spent on."""
        return {"probe": "probe", "finetune": "fine-tune"}.get(self.suite, "train and probe")

    @property
    def measured(self) -> str:
        """What its numbers are: "accuracy in percent" or, say, "AUROC times 100"."""
        return (
            "accuracy in percent" if self.metric == "accuracy" else f"{METRICS.get(self.metric, self.metric)} times 100"
        )

    def winners(self, column: int) -> list[Row]:
        """The rows with the highest mean, as far as the digits shown can tell."""
        means = [row.mean(column) for row in self.rows]
        best = max((mean for mean in means if mean is not None), default=None)
        if best is None:
            return []
        return [
            row for row, mean in zip(self.rows, means, strict=True) if mean is not None and best - mean < _HALF_A_DIGIT
        ]

    def best(self, column: int, *, plain: bool) -> Row | None:
        """The best plain row, or the best of those that learned something."""
        rows = [row for row in self.rows if row.plain == plain and row.cells[column]]
        return max(rows, key=lambda row: row.mean(column) or 0.0, default=None)

    @property
    def heads(self) -> list[tuple[str, int]]:
        """The heads in order, with how many columns each has."""
        heads = [column.head for column in self.columns]
        return [(head, heads.count(head)) for head in dict.fromkeys(heads)]

    @property
    def seeds(self) -> int:
        """The most seeds that any cell has."""
        return max((cell.count for row in self.rows for cell in row.cells if cell), default=0)

    @property
    def draws_shown(self) -> bool:
        """Whether any cell has a spread over label draws."""
        return any(cell and cell.draws is not None for row in self.rows for cell in row.cells)


def tables(results: Results) -> list[Table]:
    """One table a suite and task, in the order in which they first appear."""
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in (*results.scores, *results.failures):
        lines[line["suite"], line["task"]].append(line)
    return [_table(suite, task, some) for (suite, task), some in lines.items()]


def _table(suite: str, task: str, lines: Sequence[Line]) -> Table:
    scores = [line for line in lines if line["status"] == "ok"]
    folds, samples = _tested(scores)
    metric = next((line["metric"].partition("_")[2] for line in scores), "accuracy")
    tested = samples if metric == "accuracy" else None
    domain = str(next((line["domain"] for line in lines if line.get("domain")), ""))
    columns = sorted({Column(line["head"], line["labels"]) for line in scores}, key=_place)
    values: dict[tuple[str, Column], dict[tuple[int, int], float]] = defaultdict(dict)
    whole: dict[tuple[str, Column], list[Line]] = defaultdict(list)
    seconds: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)  # by fold
    for line in scores:
        values[line["method"], Column(line["head"], line["labels"])][line["seed"], line["draw"]] = line["value"]
        if line["labels"] == "all":
            whole[line["method"], Column(line["head"], "all")].append(line)
        if line.get("seconds") is not None:
            seconds[line["method"], line["seed"]][line["draw"] if folds > 1 else 0] = float(line["seconds"])
    methods = ordered({line["method"] for line in lines})
    seen = looks(methods, domain)
    rows = [
        Row(
            method=method,
            look=seen[method],
            plain=method in PLAIN,
            cells=tuple(
                _value(values.get(place, {}), whole.get(place, ()), tested)
                for place in ((method, one) for one in columns)
            ),
            failed=sum(line["method"] == method and line["status"] != "ok" for line in lines),
        )
        for method in methods
    ]
    times: dict[str, list[float]] = defaultdict(list)
    for (method, _), by_fold in seconds.items():
        times[method].append(sum(by_fold.values()))
    return Table(suite, domain, task, tuple(columns), tuple(rows), metric, samples, dict(times), folds)


def _place(column: Column) -> tuple[int, str, float]:
    """Heads in their order, unknown ones last; few labels before many, all at the end."""
    known = list(HEADS)
    count = float(column.labels) if column.labels.isdecimal() else float("inf")
    return known.index(column.head) if column.head in known else len(known), column.head, count


def _tested(scores: Sequence[Line]) -> tuple[int, int | None]:
    """In how many folds, and how many samples over all of them; None where lines do not say."""
    whole = [line for line in scores if line["labels"] == "all"]
    folds = [line for line in whole if all(line[name] == whole[0][name] for name in ("method", "head", "seed"))]
    return max(len(folds), 1), sum(int(line.get("samples") or 0) for line in folds or scores[:1]) or None


def _value(each: Mapping[tuple[int, int], float], whole: Sequence[Line], tested: int | None) -> Value | None:
    """The mean and spreads of values by seed and draw; None where there are none."""
    if not each:
        return None
    by_seed: dict[int, list[float]] = defaultdict(list)
    for (seed, _), value in each.items():
        by_seed[seed].append(value)
    draws = list(by_seed.values())
    means = [fmean(values) for values in draws]
    spreads = [stdev(values) for values in draws if len(values) > 1]
    return Value(
        mean=fmean(means),
        draws=fmean(spreads) if spreads else None,
        seeds=stdev(means) if len(means) > 1 else None,
        count=len(means),
        each=each,
        whole=tuple(whole) if len(whole) == len(by_seed) else (),  # folds of one seed are no seeds
        tested=tested,
    )
