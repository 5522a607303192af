"""A results.jsonl in, the lines that count out.

The file is only ever appended to, so that machines can share it and nothing measured is lost. Of a cell (suite, task,
method, seed) that was run more than once, the newest run counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from randquant.errors import UserError

Line = Mapping[str, Any]

INAPPLICABLE = "not applicable"  # begins the status of a cell whose method has no use for the task's samples


class Cell(NamedTuple):
    """What is trained and probed as one: a method on a task from a seed."""

    suite: str
    task: str
    method: str
    seed: int

    @classmethod
    def of(cls, line: Line) -> Cell:
        """The cell that a line belongs to."""
        return cls(str(line["suite"]), str(line["task"]), str(line["method"]), int(line["seed"]))


@dataclass(frozen=True)
class Results:
    """What a results.jsonl says.

    Args:
        scores: the lines with a value, of the newest run of each cell.
        failures: one line for each cell whose newest run failed.
        inapplicable: one line for each cell whose method has no use for the task's samples.
        damaged: how many lines could not be read, as a machine that lost power leaves them.
    """

    scores: tuple[Line, ...]
    failures: tuple[Line, ...]
    damaged: int = 0
    inapplicable: tuple[Line, ...] = ()


def is_inapplicable(line: Line) -> bool:
    """Whether a line says that its method has no use for its task's samples."""
    return str(line["status"]).startswith(INAPPLICABLE)


def read(path: Path) -> Results:
    """Read a results.jsonl.

    Raises:
        UserError: the file is not there or cannot be opened.
    """
    lines, damaged = _lines(path)
    newest = _newest(lines)
    without = [kept[-1] for kept in newest.values() if kept[-1]["status"] != "ok"]
    return Results(
        scores=tuple(line for kept in newest.values() for line in kept if line["status"] == "ok"),
        failures=tuple(line for line in without if not is_inapplicable(line)),
        damaged=damaged,
        inapplicable=tuple(filter(is_inapplicable, without)),
    )


def newest_runs(path: Path) -> dict[Cell, list[Line]]:
    """The lines of each cell's newest run; `read` says what it raises."""
    return _newest(_lines(path)[0])


def _lines(path: Path) -> tuple[list[Line], int]:
    """The lines that can be read, and how many cannot."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(
            f"results: cannot read {path} ({error.strerror}); give a folder of quickstart, bench, a recipe or probe"
        ) from error
    parsed = [_parse(row) for row in text.splitlines() if row.strip()]
    lines = [line for line in parsed if line is not None]
    return lines, len(parsed) - len(lines)


def _parse(row: str) -> Line | None:
    """The line, or None where it is torn, lacks what the table needs or has a value that is no number."""
    try:
        line = json.loads(row)
        Cell.of(line)
        if line["status"] == "ok":
            line["head"], line["labels"], line["metric"] = str(line["head"]), str(line["labels"]), str(line["metric"])
            line["draw"], line["value"] = int(line.get("draw", 0)), float(line["value"])
            if not isfinite(line["value"]):
                return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(line)


def _newest(lines: Iterable[Line]) -> dict[Cell, list[Line]]:
    """The lines of each cell's newest run: same settings, one after another, and all well or one failure."""
    newest: dict[Cell, list[Line]] = {}
    for line in lines:
        kept = newest.setdefault(Cell.of(line), [])
        if kept and (line.get("config_hash"), line["status"]) != (kept[-1].get("config_hash"), kept[-1]["status"]):
            kept.clear()
        place = [line.get(name) for name in ("head", "labels", "draw", "metric")]
        kept[:] = [other for other in kept if [other.get(n) for n in ("head", "labels", "draw", "metric")] != place]
        kept.append(line)
    return newest
