"""Everything a report shows in, one HTML page and its Markdown sibling out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from randquant.report.curves import METERED, TRAINING, Chart, few_label_curves, training_curves
from randquant.report.findings import Findings, duration, findings
from randquant.report.looks import CLASS_COLOURS, PLAIN, Look, looks, ordered
from randquant.report.maps import ACROSS, Maps, maps
from randquant.report.results import Line, Results
from randquant.report.runs import TrainedRun, flattened, runs
from randquant.report.samples import DomainSample, samples
from randquant.report.summary import Summary, summary
from randquant.report.table import HEADS, Table, tables
from randquant.report.template import fill
from randquant.report.views import Views, views
from randquant.settings import WITHOUT_EFFECT, BenchSettings

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
    """The mean time of a task's cells, by method in the summary's order; "" where none was measured."""

    name: str
    times: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    Args:
        without_mean: domains none of whose tasks counts in a mean.
        failed: how many cells of a task and a method failed.
        inapplicable: why a method has no use for a task's samples.
        one_penalty: whether the linear head's penalty was not chosen for each row, but the same for all.
    """

    title: str
    summary: Summary | None
    without_mean: tuple[str, ...]
    sections: tuple[Section, ...]
    looks: dict[str, Look]
    training: tuple[Chart, ...]
    samples: tuple[DomainSample, ...]
    views: Views | None
    maps: Maps | None
    failures: tuple[Line, ...]
    failed: dict[tuple[str, str], int]
    inapplicable: dict[tuple[str, str], str]
    damaged: int
    settings: tuple[Setting, ...]
    versions: dict[str, str]
    command: str
    one_penalty: bool
    seconds: tuple[tuple[str, str, str], ...]
    costs: tuple[Cost, ...]


def collect(folder: Path, results: Results) -> Report:
    """Read what a folder holds beside its results, and put all of it in order."""
    trained = runs(folder)
    found = tables(results)
    sections = tuple(
        Section(table, findings(table), tuple(few_label_curves(table, f"few-{place}")))
        for place, table in enumerate(found)
    )
    shown_maps = maps(folder)
    methods = {row.method for section in sections for row in section.table.rows}
    methods |= {run.method for run in trained} | set(shown_maps.points if shown_maps else ())
    domain = sections[0].table.domain if sections else ""
    seen = looks(ordered(methods), domain if len({table.domain for table in found}) == 1 else "")
    whole = summary(found, results)
    return Report(
        title=_title(sections),
        summary=whole,
        without_mean=_without_mean(whole),
        sections=sections,
        looks=seen,
        training=tuple(_training(trained, seen)),
        samples=samples(folder),
        views=views(folder),
        maps=shown_maps,
        failures=results.failures,
        failed=dict(Counter((line["task"], line["method"]) for line in results.failures)),
        inapplicable={
            (line["task"], line["method"]): line["status"].partition(": ")[2] for line in results.inapplicable
        },
        damaged=results.damaged,
        settings=tuple(_settings(trained)),
        versions=_versions(trained),
        command=_command(sections, trained, results.scores),
        one_penalty=any("penalty" in line for line in results.scores),
        seconds=tuple(_seconds(sections)),
        costs=tuple(_costs(whole, found)),
    )


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


def _title(sections: Sequence[Section]) -> str:
    if not sections:
        return "randquant"
    names = [section.table.task for section in sections]
    return f"{sections[0].table.suite} on {', '.join(names) if len(names) <= _NAMED else f'{len(names)} tasks'}"


def _without_mean(whole: Summary | None) -> tuple[str, ...]:
    """The domains that have tasks and no mean."""
    if whole is None:
        return ()
    averaged = {row.domain for row in whole.domains}
    missing = dict.fromkeys(row.domain for row in whole.tasks if row.domain not in averaged)
    return tuple(domain.replace("_", " ") for domain in missing)


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


def _costs(whole: Summary | None, found: Sequence[Table]) -> Iterator[Cost]:
    """Rows of the table of times, where there are several tasks; the last one is all cells together."""
    if whole is None:
        return
    for table in found:
        times = (table.seconds.get(method) for method in whole.methods)
        yield Cost(table.task, tuple(duration(sum(some) / len(some)) if some else "" for some in times))
    sums = (sum(sum(table.seconds.get(method, ())) for table in found) for method in whole.methods)
    yield Cost("all cells together", tuple(duration(total) if total else "" for total in sums))


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


def _command(sections: Sequence[Section], trained: Sequence[TrainedRun], scores: Sequence[Line]) -> str:
    """The command that makes these results again; empty where it is not known."""
    if not sections or sections[0].table.suite not in ("quickstart", "mini", "dabs"):
        return ""
    suite = sections[0].table.suite
    steps = {flattened(run.config).get("settings.steps", flattened(run.config).get("steps")) for run in trained}
    first = min((run.seed for run in trained), default=0)
    program = "randquant quickstart"
    if suite != "quickstart":
        rows = [row.method for section in sections for row in section.table.rows]
        methods = ",".join(method for method in dict.fromkeys(rows) if method not in PLAIN)
        tasks = ",".join(section.table.task for section in sections)
        program = f"randquant bench --suite {suite} --methods {methods} --tasks {tasks}"
    words = [
        program,
        *([f"--seed {first}"] if first else []),
        f"--seeds {max(*(section.table.seeds for section in sections), 1)}",
    ]
    if len(steps) == 1 and None not in steps:
        words.append(f"--steps {steps.pop()}")
    if suite != "quickstart":
        words += _switches(trained, [line for line in scores if line["suite"] == suite])
    return " ".join(words)


def _switches(trained: Sequence[TrainedRun], scores: Sequence[Line]) -> Iterator[str]:
    """The words of a grid's command that its lines and runs tell, where they are not the defaults."""
    shares = [line for line in scores if line["suite"] == "mini" and line["metric"].endswith("accuracy")]
    draws = len({line["draw"] for line in shares if line["labels"] != "all"})
    if shares and draws != BenchSettings.draws:
        yield f"--draws {draws}"
    if any("penalty" in line for line in scores):
        yield "--one-penalty"
    if any("configuration" in line for line in scores):
        yield "--explored exploration.jsonl"
    if any(flattened(run.config).get("settings.dabs_faithful") == "true" for run in trained):
        yield "--dabs-faithful"


def _seconds(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Row title, mean time of a cell, and how many cells that is a mean of."""
    return [
        (row.look.title, duration(sum(times) / len(times)), f"{len(times)} cell{'s' if len(times) > 1 else ''}")
        for section in sections
        for row in section.table.rows
        if (times := section.table.seconds.get(row.method))
    ]
