"""Tables, runs and result lines in, out for each suite: the commands that make its results again, and how it probed."""

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
        commands: make these results again; none where they are not known.
        head: how the linear head was told its settings.
    """

    suite: str
    commands: tuple[str, ...]
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
        yield Made(suite, tuple(_commands(suite, tables, runs, lines)), _head(suite, lines))


def _head(suite: str, scores: Sequence[Line]) -> str:
    if suite == "dabs":
        return "The head and its settings are the benchmark's."
    if suite == "finetune":
        return (
            "Both encoders had the same head, order of samples and steps. With 5 labels a class or more a fifth of the "
            "labels chose the step that each was taken from; the test part chose nothing."
        )
    if any("penalty" in line for line in scores):
        return "The linear head's penalty was not chosen: it is the same for every row."
    return (
        "The probe's penalty comes from a fifth of the training part, whole groups where it has any, the same for "
        "every row and every number of labels; the test part chose nothing in it."
    )


def _commands(
    suite: str, tables: Sequence[Table], trained: Sequence[TrainedRun], scores: Sequence[Line]
) -> Iterator[str]:
    """One for all that was trained with the same steps and precision on the same tasks."""
    if suite not in ("quickstart", "mini", "dabs"):
        return
    first = min((*(run.seed for run in trained), *(int(line["seed"]) for line in scores)), default=0)
    seeds = [*([f"--seed {first}"] if first else []), f"--seeds {max(*(table.seeds for table in tables), 1)}"]
    steps = {flattened(run.config).get("settings.steps", flattened(run.config).get("steps")) for run in trained}
    every = [f"--steps {steps.pop()}"] if len(steps) == 1 and None not in steps else []
    if suite == "quickstart":
        yield " ".join(["randquant quickstart", *seeds, *every])
        return
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    trainings = {
        table.task: _trainings(table, [line for line in scores if line["task"] == table.task]) for table in tables
    }
    if len({told for of_task in trainings.values() for told in of_task}) == 1:  # one grid, whatever it lacks
        every_method = dict.fromkeys(m for of_task in trainings.values() for some in of_task.values() for m in some)
        trainings = {task: dict.fromkeys(of_task, every_method) for task, of_task in trainings.items()}
    for task, of_task in trainings.items():
        for told, some in of_task.items():
            alike.setdefault((told, tuple(some)), []).append(task)
    for (told, methods), tasks in alike.items():
        program = f"randquant bench --suite {suite} --methods {','.join(methods)} --tasks {','.join(tasks)}"
        given = told if any(word.startswith("--steps") for word in told) else (*every, *told)
        yield " ".join([program, *seeds, *given, *_switches(trained, scores)])


def _trainings(table: Table, lines: Sequence[Line]) -> dict[tuple[str, ...], dict[str, None]]:
    """The methods of a task by the words that their lines tell of their training; untold ones go with the first."""
    found: dict[tuple[str, ...], dict[str, None]] = {}
    rows = [row.method for row in table.rows if row.method not in PLAIN]
    for method in rows:
        told = next((line for line in lines if line["method"] == method and "steps" in line), None)
        words = next(iter(found), ())
        if told is not None:
            times = int(method.partition("@")[2].removesuffix("x") or 1)
            precision = told.get("precision", BenchSettings.precision)
            switch = [] if precision == BenchSettings.precision else [f"--precision {precision}"]
            words = (f"--steps {told['steps'] // times}", *switch)
        found.setdefault(words, {})[method] = None
    return found or {(): {}}


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
