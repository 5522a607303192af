"""An exploration.jsonl in, the best configuration of a method on a task out.

Best is the largest mean over the development seeds of the mean of the neighbours' and the linear head's score on the
validation part; of equals, the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from randquant.bench.configurations import Configuration
from randquant.errors import UserError

SUITE = "mini-development"
Line = Mapping[str, Any]


class Best(NamedTuple):
    """What was chosen.

    Attributes:
        configuration: the method's.
        value: what it reached.
        tried: how many configurations were, those that failed among them.
    """

    configuration: Configuration
    value: float
    tried: int


def read_trials(path: Path) -> list[Line]:
    """The lines of an exploration.jsonl, the newest of each trial; torn ones are passed over.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"explored: cannot read {path} ({error.strerror}); give the file of randquant choose") from None
    newest: dict[str, Line] = {}
    for row in rows:
        try:
            line = json.loads(row)
            newest[line["config_hash"]] = line
        except (ValueError, TypeError, KeyError):
            continue
    return [line for line in newest.values() if line.get("suite") == SUITE]


def best(lines: Sequence[Line], task: str, method: str) -> Best | None:
    """The best configuration of the eight; None where the method has no use for the task's samples, or none was tried.

    Raises:
        UserError: all that were tried failed.
    """
    own = _eight(lines, task, method)
    tried = [line for line in own if not line["status"].startswith("not applicable")]
    if not tried:
        return None
    values: dict[int, list[float]] = {}
    for line in tried:
        if line["status"] == "ok":
            values.setdefault(line["number"], []).append(line["value"])
    if not values:
        raise UserError(f"explored: every configuration of {method} on {task} failed: {tried[-1]['status']}")
    number = max(sorted(values), key=lambda one: fmean(values[one]))
    chosen = next(line for line in tried if line["number"] == number and line["status"] == "ok")
    return Best(
        Configuration.from_dict(chosen["configuration"]), fmean(values[number]), len({one["number"] for one in tried})
    )


def _eight(lines: Sequence[Line], task: str, method: str) -> list[Line]:
    """The trials of the configurations that every method has so many of, and not of further ones."""
    return [line for line in lines if (line["task"], line["method"]) == (task, method) and not line.get("further")]


def check_whole(lines: Sequence[Line], task: str, method: str, wanted: int, seeds: Sequence[int]) -> None:
    """Refuse a choice among fewer configurations than every method is owed, or on seeds that are to confirm it.

    Raises:
        UserError: it says what to do.
    """
    own = _eight(lines, task, method)
    found = {line["number"] for line in own}
    if len(found) < wanted:
        raise UserError(
            f"explored: {len(found)} of {wanted} configurations of {method} on {task} were tried; "
            f"finish with randquant choose --tasks {task} --methods {method}"
        )
    again = sorted({line["seed"] for line in own} & set(seeds))
    if again:
        raise UserError(f"seed: {again[0]} was used to choose; confirm with other seeds")
