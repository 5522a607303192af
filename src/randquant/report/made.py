"""Tables, runs and result lines in, out for each suite: the command that makes its results again, and how it probed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from randquant.data.dabs.published import published
from randquant.report.looks import PLAIN
from randquant.report.results import Line
from randquant.report.runs import TrainedRun, flattened
from randquant.report.table import Table
from randquant.settings import BenchSettings


@dataclass(frozen=True)
class Made:
    """How the results of a suite were made.

    Args:
        suite: its name.
        command: makes these results again; empty where it is not known.
        head: how the linear head was told its settings.
    """

    suite: str
    command: str
    head: str


def made(found: Sequence[Table], trained: Sequence[TrainedRun], scores: Sequence[Line]) -> Iterator[Made]:
    """One a suite, in the order in which they appear; a suite is told by its own tables, runs and lines alone."""
    for suite in dict.fromkeys(table.suite for table in found):
        tables = [table for table in found if table.suite == suite]
        lines = [line for line in scores if line["suite"] == suite]
        sources = {table.task for table in tables}
        if suite == "dabs":
            sources = {row.pretrain for row in published() if row.task in sources}
        runs = [run for run in trained if run.data in sources or not run.data]
        yield Made(suite, _command(suite, tables, runs, lines), _head(suite, lines))


def _head(suite: str, scores: Sequence[Line]) -> str:
    if suite == "dabs":
        return "The head and its settings are the benchmark's."
    if any("penalty" in line for line in scores):
        return "The linear head's penalty was not chosen: it is the same for every row."
    return (
        "The probe's penalty comes from a fifth of the training part, whole groups where it has any, the same for every "
        "row and every number of labels; the test part chose nothing in it."
    )


def _command(suite: str, tables: Sequence[Table], trained: Sequence[TrainedRun], scores: Sequence[Line]) -> str:
    if suite not in ("quickstart", "mini", "dabs"):
        return ""
    steps = {flattened(run.config).get("settings.steps", flattened(run.config).get("steps")) for run in trained}
    steps = steps or {line["steps"] for line in scores if "steps" in line and "@" not in line["method"]}
    precision = {line["precision"] for line in scores if "precision" in line}
    first = min((run.seed for run in trained), default=0)
    program = "randquant quickstart"
    if suite != "quickstart":
        rows = [row.method for table in tables for row in table.rows]
        methods = ",".join(method for method in dict.fromkeys(rows) if method not in PLAIN)
        tasks = ",".join(table.task for table in tables)
        program = f"randquant bench --suite {suite} --methods {methods} --tasks {tasks}"
    words = [
        program,
        *([f"--seed {first}"] if first else []),
        f"--seeds {max(*(table.seeds for table in tables), 1)}",
    ]
    if len(steps) == 1 and None not in steps:
        words.append(f"--steps {steps.pop()}")
    if suite != "quickstart":
        words += _switches(trained, scores)
        words += [f"--precision {one}" for one in precision if len(precision) == 1 and one != BenchSettings.precision]
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
