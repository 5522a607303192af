"""Plans in, lines of a results.jsonl out: each cell trained, probed and written down, or recorded as failed.

A cell whose newest lines were made with the same settings is skipped. Lines are only ever appended, a whole cell in
one write, so several machines may share a file and an interruption leaves whole cells.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from randquant import __version__
from randquant.data import Dataset
from randquant.errors import UserError
from randquant.pretrain import train
from randquant.probe import result_lines, score_task
from randquant.probe.score import FEW, NEIGHBOURS, PENALTIES
from randquant.probe.task import config_hash
from randquant.report.results import Cell, newest_runs
from randquant.run import Run
from randquant.settings import PretrainSettings, Protocol

DRAWS = 5  # of the few labels


@dataclass(frozen=True)
class Task:
    """A data set with labels, opened when a cell needs it.

    Args:
        name, domain: as the catalogue has them.
        open: gives the data set.
        source: gives what the encoder is trained on; None for the task itself.
    """

    name: str
    domain: str
    open: Callable[[], Dataset]
    source: Callable[[], Dataset] | None = None


@dataclass(frozen=True)
class Plan:
    """A cell that is to be measured.

    Args:
        suite: where the cell belongs.
        task: what is probed.
        method, seed: the method's name; `raw` trains and encodes nothing.
        training: how the encoder is trained; None for `raw`. Cells whose trainings have one folder share the encoder.
        protocol: how features are probed.
        comparable: whether it is measured as the benchmark's published figures were.
    """

    suite: str
    task: Task
    method: str
    seed: int
    training: PretrainSettings | None
    protocol: Protocol = "default"
    comparable: bool = False

    @property
    def cell(self) -> Cell:
        """Its name in the results."""
        return Cell(self.suite, self.task.name, self.method, self.seed)

    @property
    def config_hash(self) -> str:
        """Names all settings that its numbers depend on."""
        probing: dict[str, Any] = {"few": FEW, "neighbours": NEIGHBOURS, "penalties": PENALTIES, "draws": DRAWS}
        if self.protocol != "default":
            probing = {"protocol": self.protocol}
        training = None if self.training is None else self.training.decisive()
        return config_hash({**self.cell._asdict(), "training": training, "probe": probing})


def run_grid(plans: Sequence[Plan], results: Path, *, quiet: bool = False) -> list[Plan]:
    """Measure every cell that does not stand in the results yet.

    Args:
        plans: the cells, in order.
        results: the results.jsonl; it is made where it is missing.
        quiet: no line a cell.

    Returns:
        the plans that failed in this call; the others stand in the results.

    Raises:
        UserError: the results cannot be read or written.
    """
    _append(results, [])  # so that a folder which cannot be written is found before anything is trained
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    standing = newest_runs(results)
    failed = []
    for number, plan in enumerate(plans, start=1):
        name = f"{number}/{len(plans)}  {plan.method}, seed {plan.seed} on {plan.task.name}"
        kept = standing.get(plan.cell, [])
        if any(line["status"] == "ok" and line.get("config_hash") == plan.config_hash for line in kept):
            console.print(f"{name}: finished before, skipped")
            continue
        start = time.perf_counter()
        try:
            lines = measure(plan)
        except Exception as error:  # noqa: BLE001 - whatever breaks one cell, the others are still worth having
            lines = [_failure(plan, error, time.perf_counter() - start)]
            failed.append(plan)
        _append(results, lines)
        console.print(f"{name}: {_told(lines)}", markup=False)
    return failed


def measure(plan: Plan) -> list[dict[str, Any]]:
    """Train and probe one cell: its result lines."""
    start = time.perf_counter()
    encoder, dataset = trained_encoder(plan), plan.task.open()
    scores = score_task(encoder, dataset, seed=plan.seed, draws=DRAWS, protocol=plan.protocol)
    return result_lines(
        scores,
        suite=plan.suite,
        dataset=dataset,
        method=plan.method,
        seed=plan.seed,
        seconds=time.perf_counter() - start,
        config_hash=plan.config_hash,
        comparable=plan.comparable,
    )


def trained_encoder(plan: Plan) -> nn.Module | None:
    """The encoder of a cell, trained now, or further where a training with the same settings stopped or has ended."""
    if plan.training is None:
        return None
    settings = plan.training
    if _began_with(settings):
        settings = dataclasses.replace(settings, resume=True)
    elif settings.out.exists():
        shutil.rmtree(settings.out)  # a cell's own folder, of settings that no longer hold
    return train(settings, (plan.task.source or plan.task.open)()).encoder()


def _began_with(settings: PretrainSettings) -> bool:
    """Whether the run directory holds a training with these settings and this version."""
    try:
        config = Run.open(settings.out).config
        same = PretrainSettings.from_dict(config["settings"]).decisive() == settings.decisive()
        return same and bool(config["versions"]["randquant"] == __version__)
    except (UserError, KeyError, TypeError):
        return False


def _failure(plan: Plan, error: Exception, seconds: float) -> dict[str, Any]:
    """A line that says what broke, in one line, and where, in full."""
    return {
        "suite": plan.suite,
        "domain": plan.task.domain,
        "task": plan.task.name,
        "method": plan.method,
        "seed": plan.seed,
        **dict.fromkeys(("head", "labels", "draw", "metric", "value", "samples", "chance", "synthetic")),
        "comparable": plan.comparable,
        "seconds": round(seconds, 3),
        "status": f"failed: {type(error).__name__}: {' '.join(str(error).split())}",
        "config_hash": plan.config_hash,
        "version": __version__,
        "traceback": "".join(traceback.format_exception(error)),
    }


def _told(lines: Sequence[dict[str, Any]]) -> str:
    """What came of a cell, in a few words."""
    if lines[0]["status"] != "ok":
        return str(lines[0]["status"])
    reached = [f"{line['head']} {100 * line['value']:.1f}%" for line in lines if line["labels"] == "all"]
    return f"{', '.join(reached)} with all labels ({lines[0]['seconds']:.0f} s)"


def _append(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Append lines in a single write, flushed to disk; a line that an earlier end tore stays on its own."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else f"\n{text}"
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"out: cannot write {path} ({error.strerror}); name a folder you may write to") from error
