"""Plans in, lines of a results.jsonl out: each cell trained, probed and written down, or recorded as failed.

A cell whose newest lines were made with the same settings is skipped. Lines are only ever appended, a whole cell in
one locked write, so several machines may share a file and an interruption leaves whole cells.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn

from randquant import __version__
from randquant.bench.failure import broken
from randquant.bench.spread import spread
from randquant.data import Dataset
from randquant.device import find_device
from randquant.errors import UserError
from randquant.methods import UNTRAINED, NotApplicableError
from randquant.pretrain import train
from randquant.pretrain.start import meant
from randquant.probe import result_lines, score_task
from randquant.probe.score import FEW, NEIGHBOURS, PENALTIES, REVISION
from randquant.probe.task import config_hash
from randquant.report.results import INAPPLICABLE, Cell, Line, is_inapplicable, newest_runs
from randquant.run import Run
from randquant.run.lines import append
from randquant.settings import PretrainSettings, Protocol, SuperviseSettings
from randquant.supervise import supervised_score

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
            A supervised training is scored by its own head.
        protocol: how features are probed.
        faithful: whether the benchmark's head scores as the benchmark's code does.
        comparable: whether it is measured as the benchmark's published figures were.
        draws: how many times the few labels are drawn; 0 leaves them out.
        penalties: those that the linear head's is chosen among.
        configuration: what was chosen for the method beforehand, as its lines tell it; None where nothing was.
    """

    suite: str
    task: Task
    method: str
    seed: int
    training: PretrainSettings | SuperviseSettings | None
    protocol: Protocol = "default"
    faithful: bool = False
    comparable: bool = False
    draws: int = field(default_factory=lambda: DRAWS)
    penalties: tuple[float, ...] = PENALTIES
    configuration: Mapping[str, Any] | None = None

    @property
    def cell(self) -> Cell:
        """Its name in the results."""
        return Cell(self.suite, self.task.name, self.method, self.seed)

    @property
    def config_hash(self) -> str:
        """Names all settings that its numbers depend on."""
        probing: dict[str, Any] = {
            "few": FEW,
            "neighbours": NEIGHBOURS,
            "penalties": self.penalties,
            "draws": self.draws,
        }
        if self.protocol != "default":
            probing = {"protocol": self.protocol} | ({"faithful": "dropout"} if self.faithful else {})
        training = None if self.training is None else self.training.decisive()
        return config_hash({**self.cell._asdict(), "training": training, "probe": probing, "revision": REVISION})


def run_grid(plans: Sequence[Plan], results: Path, *, quiet: bool = False, processes: int = 1) -> list[Plan]:
    """Measure every cell that does not stand in the results yet.

    Args:
        plans: the cells, in order.
        results: the results.jsonl; it is made where it is missing.
        quiet: no line a cell.
        processes: how many encoders at a time; those cells that share one come one after another.

    Returns:
        the plans that failed in this call; the others stand in the results, but for those whose method has no use for
        the task's samples.

    Raises:
        UserError: the results cannot be read or written.
    """
    append(results, [])  # so that a folder which cannot be written is found before anything is trained
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    standing = newest_runs(results)
    names = {plan.cell: f"{plan.method}, seed {plan.seed} on {plan.task.name}" for plan in plans}
    sharing: dict[object, list[Plan]] = {}
    done = 0
    for plan in plans:
        kept = standing.get(plan.cell, [])
        if stands(plan, kept):
            done += 1
            console.print(f"{done}/{len(plans)}  {names[plan.cell]}: finished before{_by(kept)}, skipped")
        else:
            # One process writes each cell down when it is done.
            encoder = None if plan.training is None or processes == 1 else plan.training.out
            sharing.setdefault(encoder or plan.cell, []).append(plan)
    failed = []
    for outcomes in spread(_attempt_each, list(sharing.values()), processes):
        for plan, lines in outcomes:
            done += 1
            append(results, lines)
            if lines[0]["status"] != "ok" and not is_inapplicable(lines[0]):
                failed.append(plan)
            console.print(f"{done}/{len(plans)}  {names[plan.cell]}: {_told(lines)}", markup=False)
    return failed


def _attempt_each(plans: Sequence[Plan]) -> list[tuple[Plan, list[dict[str, Any]]]]:
    """Cells that share an encoder, one after another, each with its lines."""
    return [(plan, attempt(plan)) for plan in plans]


def attempt(plan: Plan) -> list[dict[str, Any]]:
    """The lines of a cell, or one that says what broke, or that the method has no use for such samples."""
    start = time.perf_counter()
    try:
        return measure(plan)
    except NotApplicableError as error:
        status = {"status": f"{INAPPLICABLE}: {' '.join(str(error).split())}"}
        return [_without_value(plan, status, time.perf_counter() - start)]
    except Exception as error:  # noqa: BLE001 - whatever breaks one cell, the others are still worth having
        return [_without_value(plan, broken(error), time.perf_counter() - start)]


def stands(plan: Plan, lines: Iterable[Line]) -> bool:
    """Whether a cell's lines were made with the plan's settings, and there is nothing to try again."""
    done = [line for line in lines if line["status"] == "ok" or is_inapplicable(line)]
    return any(line.get("config_hash") == plan.config_hash for line in done)


def _by(lines: Sequence[Line]) -> str:
    """ " by version 0.1.0", where that is not this one: its data sets and probes may have been others."""
    version = lines[-1].get("version")
    return "" if version == __version__ else f" by version {version}"


def measure(plan: Plan) -> list[dict[str, Any]]:
    """Train and probe one cell: its result lines."""
    start = time.perf_counter()
    dataset = plan.task.open()
    if isinstance(plan.training, SuperviseSettings):
        shutil.rmtree(plan.training.out, ignore_errors=True)
        scores = [supervised_score(plan.training, dataset)]
    else:
        encoder = trained_encoder(plan.training, plan.task)
        scores = score_task(
            encoder,
            dataset,
            seed=plan.seed,
            draws=plan.draws,
            penalties=plan.penalties,
            protocol=plan.protocol,
            faithful=plan.faithful,
        )
    lines = result_lines(
        scores,
        suite=plan.suite,
        dataset=dataset,
        method=plan.method,
        seed=plan.seed,
        seconds=time.perf_counter() - start,
        config_hash=plan.config_hash,
        comparable=plan.comparable,
    )
    if plan.configuration is not None:
        lines = [{**line, "configuration": dict(plan.configuration)} for line in lines]
    if plan.protocol == "default" and len(plan.penalties) == 1:
        lines = [{**line, "penalty": plan.penalties[0]} for line in lines]
    if isinstance(plan.training, PretrainSettings) and plan.training.method != UNTRAINED:
        lines = [{**line, "steps": plan.training.steps, "precision": plan.training.precision} for line in lines]
    return lines


def trained_encoder(settings: PretrainSettings | None, task: Task) -> nn.Module | None:
    """The encoder of a cell, trained now, or further where a training with the same settings stopped or has ended."""
    if settings is None:
        return None
    if _began_with(settings):
        settings = dataclasses.replace(settings, resume=True)
    elif settings.out.exists():
        shutil.rmtree(settings.out)  # a cell's own folder, of settings that no longer hold
    trained = train(settings, (task.source or task.open)()).encoder()
    return trained.to(find_device(settings.device))


def _began_with(settings: PretrainSettings) -> bool:
    """Whether the run directory holds a training with these settings and this version."""
    try:
        config = Run.open(settings.out).config
        same = meant(PretrainSettings.from_dict(config["settings"]).decisive()) == meant(settings.decisive())
        return same and bool(config["versions"]["randquant"] == __version__)
    except (UserError, KeyError, TypeError):
        return False


def _without_value(plan: Plan, status: Mapping[str, str], seconds: float) -> dict[str, Any]:
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
        **status,
        "config_hash": plan.config_hash,
        "version": __version__,
    }


def _told(lines: Sequence[dict[str, Any]]) -> str:
    """What came of a cell, in a few words."""
    if lines[0]["status"] != "ok":
        return str(lines[0]["status"])
    reached = [f"{line['head']} {100 * line['value']:.1f}%" for line in lines if line["labels"] == "all"]
    return f"{', '.join(reached)} with all labels ({lines[0]['seconds']:.0f} s)"
