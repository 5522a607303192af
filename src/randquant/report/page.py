"""Everything a report shows in, one HTML page and its Markdown sibling out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from randquant.report.curves import METERED, TRAINING, Chart, few_label_curves, training_curves
from randquant.report.findings import Findings, duration, findings
from randquant.report.looks import CLASS_COLOURS, Look, looks, ordered
from randquant.report.made import Made, made
from randquant.report.maps import ACROSS, Maps, maps
from randquant.report.mixed import mixed
from randquant.report.results import Line, Results
from randquant.report.runs import TrainedRun, flattened, runs
from randquant.report.samples import DomainSample, samples
from randquant.report.summary import Summary, summaries
from randquant.report.table import HEADS, Table, tables
from randquant.report.template import fill
from randquant.report.views import Views, views
from randquant.settings import WITHOUT_EFFECT

_NAMED = 3  # tasks that a title names
# Settings that follow from a run's place in the grid, or that no number depends on.
_APART = ("method", "seed", *WITHOUT_EFFECT)


@dataclass(frozen=True)
class Section:
    """One task: its table in numbers, in words and in curves."""

    table: Table
    findings: Findings
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Setting:
    """A setting: its value where all runs share it, else the value of each method."""

    name: str
    value: str


@dataclass(frozen=True)
class Cost:
    """The median time of a task's cells, by method; "" where none was measured."""

    name: str
    times: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    Args:
        mixed: which means and differences mix settings.
        summaries: of the suites that have a table of all tasks.
        unreadable: the files beside the results that are there and say nothing.
        failed: how many cells of a suite, task and method failed.
        inapplicable: why a method has no use for the samples of a suite's task.
        made: how each suite was made, in the order in which they appear.
        costs: by suite, of those that have a table of all tasks.
    """

    title: str
    mixed: tuple[str, ...]
    summaries: tuple[Summary, ...]
    sections: tuple[Section, ...]
    looks: dict[str, Look]
    training: tuple[Chart, ...]
    training_note: str
    samples: tuple[DomainSample, ...]
    views: Views | None
    maps: Maps | None
    failures: tuple[Line, ...]
    failed: dict[tuple[str, str, str], int]
    inapplicable: dict[tuple[str, str, str], str]
    damaged: int
    unreadable: tuple[str, ...]
    settings: tuple[Setting, ...]
    versions: dict[str, str]
    made: tuple[Made, ...]
    seconds: tuple[tuple[str, str, str], ...]
    costs: dict[str, tuple[Cost, ...]]

    @property
    def headline(self) -> str:
        """The first words of the tables of all tasks."""
        if len(self.summaries) == 1:
            return self.summaries[0].headline
        return "; ".join(f"{one.suite}: {one.headline[0].lower()}{one.headline[1:]}" for one in self.summaries)

    @property
    def lede(self) -> str:
        """The sentences with the numbers behind them."""
        if len(self.summaries) == 1:
            return self.summaries[0].told
        told = {one.suite: one.told for one in self.summaries if one.told}
        return ". ".join(f"On {suite}, {text.replace('By', 'by', 1)}" for suite, text in told.items())


def collect(folder: Path, results: Results) -> Report:
    """Read what a folder holds beside its results, and put all of it in order."""
    found = tables(results)
    trained = _named(runs(folder), {row.method for table in found for row in table.rows})
    sections = tuple(
        Section(table, findings(table), tuple(few_label_curves(table, f"few-{place}")))
        for place, table in enumerate(found)
    )
    shown_maps, shown_views, shown_samples = maps(folder), views(folder), samples(folder)
    beside = {"maps.json": shown_maps, "views.json": shown_views, "samples.json": shown_samples}
    methods = {row.method for section in sections for row in section.table.rows}
    methods |= {run.method for run in trained} | set(shown_maps.points if shown_maps else ())
    domain = sections[0].table.domain if sections else ""
    seen = looks(ordered(methods), domain if len({table.domain for table in found}) == 1 else "")
    whole = summaries(found, results)
    return Report(
        title=_title(found),
        mixed=mixed(trained, results.scores, seen),
        summaries=whole,
        sections=sections,
        looks=seen,
        training=tuple(_training(trained, seen)),
        training_note=_training_note(trained),
        samples=shown_samples,
        views=shown_views,
        maps=shown_maps,
        failures=results.failures,
        failed=dict(Counter((line["suite"], line["task"], line["method"]) for line in results.failures)),
        inapplicable={
            (line["suite"], line["task"], line["method"]): line["status"].partition(": ")[2]
            for line in results.inapplicable
        },
        damaged=results.damaged,
        unreadable=tuple(name for name, shown in beside.items() if not shown and (folder / name).is_file()),
        settings=tuple(_settings(trained)),
        versions=_versions(trained),
        made=tuple(made(found, trained, results.scores)),
        seconds=tuple(_seconds(sections)),
        costs={one.suite: tuple(_costs(one, [table for table in found if table.suite == one.suite])) for one in whole},
    )


def _named(trained: Sequence[TrainedRun], rows: Iterable[str]) -> list[TrainedRun]:
    """The runs under the names of their rows, and in their order: those of an ablation all have the method "rq"."""
    folders = {method.replace(" ", "-"): method for method in rows}
    named = [replace(run, method=folders.get(run.name, run.method)) for run in trained]
    order = ordered({run.method for run in named})
    return sorted(named, key=lambda run: (run.data, order.index(run.method), run.seed))


def html(report: Report) -> str:
    """The page: one file that needs nothing else."""
    return fill("page.html", **_context(report))


def markdown(report: Report) -> str:
    """The tables and sentences as Markdown."""
    return fill("page.md", **_context(report))


def _context(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "heads": HEADS,
        "class_colours": CLASS_COLOURS,
        "across": ACROSS,
        "index": {method: i for i, method in enumerate(report.looks)},
    }


def _title(found: Sequence[Table]) -> str:
    by_suite: dict[str, list[str]] = {}
    for table in found:
        by_suite.setdefault(table.suite, []).append(table.task)
    told = (
        f"{suite} on {', '.join(names) if len(names) <= _NAMED else f'{len(names)} tasks'}"
        for suite, names in by_suite.items()
    )
    return "; ".join(told) or "randquant"


def _training(trained: Sequence[TrainedRun], seen: Mapping[str, Look]) -> Iterator[Chart]:
    """Curves by data set; where there are several, their losses and what warns of collapse are enough."""
    names = list(dict.fromkeys(run.data for run in trained))
    for place, name in enumerate(names):
        charts = training_curves(
            [run for run in trained if run.data == name],
            seen,
            f"training-{place}",
            METERED if len(names) > 1 else tuple(TRAINING),
        )
        for chart in charts:
            yield chart if len(names) == 1 else replace(chart, title=f"{name}: {chart.title.lower()}")


def _training_note(trained: Sequence[TrainedRun]) -> str:
    """What to look for in the curves."""
    drawn = [(run.data, run.method) for run in trained if run.metrics]
    told = ["A loss that falls and then flattens is what a healthy run looks like."]
    if any("finetune" in run.config for run in trained):
        told.append("The training is a fine-tuning, that of the pretrained encoder with all labels.")
    if len({method for _, method in drawn}) > 1:
        told.append("Losses of different methods are not comparable with each other.")
    if len(set(drawn)) < len(drawn):
        told.append("Fainter lines are further seeds.")
    return " ".join(told)


def _costs(whole: Summary, found: Sequence[Table]) -> Iterator[Cost]:
    """Rows of a suite's table of times; the last one is all cells together."""
    for table in found:
        times = {method: table.seconds.get(method) for method in whole.methods}
        yield Cost(table.task, {method: duration(median(some)) if some else "" for method, some in times.items()})
    sums = {method: sum(sum(table.seconds.get(method, ())) for table in found) for method in whole.methods}
    yield Cost("all cells together", {method: duration(total) if total else "" for method, total in sums.items()})


def _settings(trained: Sequence[TrainedRun]) -> list[Setting]:
    """Every setting of the runs that says something."""
    by_name: dict[str, dict[str, str]] = {}
    several = len({run.data for run in trained}) > 1
    for run in trained:
        settings = run.config.get("settings", run.config)
        for name, value in flattened(settings if isinstance(settings, Mapping) else {}).items():
            if name not in _APART and not name.startswith("versions.") and not (several and name == "data"):
                by_name.setdefault(name, {})[f"{run.method} on {run.data}" if several else run.method] = value
    return [Setting(name, _shared(values)) for name, values in by_name.items()]


def _shared(values: Mapping[str, str]) -> str:
    """The value of all methods, or those of the few and "others" for that of most."""
    most, count = Counter(values.values()).most_common(1)[0]
    if count == len(values):
        return most
    apart = [f"{method}: {value}" for method, value in values.items() if count == 1 or value != most]
    return ", ".join(apart if count == 1 else [*apart, f"others: {most}"])


def _versions(trained: Sequence[TrainedRun]) -> dict[str, str]:
    versions: object = next((run.config["versions"] for run in trained if run.config.get("versions")), {})
    return flattened(versions) if isinstance(versions, Mapping) else {}


def _seconds(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Row title, median time of a cell, and how many cells that is the median of."""
    return [
        (row.look.title, duration(median(times)), f"{len(times)} cell{'s' if len(times) > 1 else ''}")
        for section in sections
        for row in section.table.rows
        if (times := section.table.seconds.get(row.method))
    ]
