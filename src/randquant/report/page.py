"""Everything a report shows in, one HTML page and its Markdown sibling out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from randquant.report.curves import Chart, few_label_curves, training_curves
from randquant.report.findings import Findings, duration, findings
from randquant.report.looks import CLASS_COLOURS, Look, looks, ordered
from randquant.report.maps import ACROSS, Maps, maps
from randquant.report.results import Line, Results
from randquant.report.runs import TrainedRun, flattened, runs
from randquant.report.summary import Summary, summary
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
class Report:
    """All that the page shows."""

    title: str
    summary: Summary | None
    sections: tuple[Section, ...]
    looks: dict[str, Look]
    training: tuple[Chart, ...]
    views: Views | None
    maps: Maps | None
    failures: tuple[Line, ...]
    damaged: int
    settings: tuple[Setting, ...]
    versions: dict[str, str]
    command: str
    seconds: tuple[tuple[str, str, str], ...]


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
    seen = looks(ordered(methods), domain)
    return Report(
        title=_title(sections),
        summary=summary(found, results),
        sections=sections,
        looks=seen,
        training=tuple(training_curves(trained, seen)),
        views=views(folder),
        maps=shown_maps,
        failures=results.failures,
        damaged=results.damaged,
        settings=tuple(_settings(trained)),
        versions=_versions(trained),
        command=_command(sections, trained),
        seconds=tuple(_seconds(sections)),
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


def _settings(trained: Sequence[TrainedRun]) -> list[Setting]:
    """Every setting of the runs that says something."""
    by_name: dict[str, dict[str, str]] = {}
    for run in trained:
        settings = run.config.get("settings", run.config)
        for name, value in flattened(settings if isinstance(settings, Mapping) else {}).items():
            if name not in _APART and not name.startswith("versions."):
                by_name.setdefault(name, {})[run.method] = value
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


def _command(sections: Sequence[Section], trained: Sequence[TrainedRun]) -> str:
    """The command that makes these results again; empty where it is not known."""
    if not sections or sections[0].table.suite != "quickstart":
        return ""
    steps = {flattened(run.config).get("settings.steps", flattened(run.config).get("steps")) for run in trained}
    first = min((run.seed for run in trained), default=0)
    words = [
        "randquant quickstart",
        *([f"--seed {first}"] if first else []),
        f"--seeds {max(sections[0].table.seeds, 1)}",
    ]
    if len(steps) == 1 and None not in steps:
        words.append(f"--steps {steps.pop()}")
    return " ".join(words)


def _seconds(sections: Sequence[Section]) -> list[tuple[str, str, str]]:
    """Row title, mean time of a cell, and how many cells that is a mean of."""
    return [
        (row.look.title, duration(sum(times) / len(times)), f"{len(times)} cell{'s' if len(times) > 1 else ''}")
        for section in sections
        for row in section.table.rows
        if (times := section.table.seconds.get(row.method))
    ]
