"""Settings in, the cells of a suite measured: every task by every method and seed, each encoder trained once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from randquant import report
from randquant.bench.grid import Plan, Task, run_grid
from randquant.data import DATASETS, Dataset, open_data
from randquant.data.dabs.published import published
from randquant.data.entry import Domain
from randquant.device import find_device
from randquant.errors import UserError
from randquant.methods import UNTRAINED, words_of
from randquant.probe import RAW
from randquant.settings import BenchSettings, MethodSettings, PretrainSettings, Suite, defaults_of
from randquant.terminal import remark

PLAIN = (RAW, UNTRAINED)  # the two rows that every table carries


class Pair(NamedTuple):
    """A task and what its encoders are trained on, by their names in the catalogue."""

    task: str
    source: str


def bench(settings: BenchSettings) -> Path:
    """Measure a suite, or a share of it, and report. What stands in the folder is not done again.

    Returns:
        the path of the page.

    Raises:
        UserError: a setting is wrong, or the folder cannot be written.
        SystemExit: with 1, after the report, if a cell failed.
    """
    find_device(settings.device)
    planned = share(list(plans(settings)), settings.shard)
    failed = run_grid(planned, settings.out / "results.jsonl", quiet=settings.quiet)
    page = report.write(settings.out, settings.out / "report.html")
    remark(f"report: {page}")
    for plan in failed:
        remark(f"failed: {plan.method}, seed {plan.seed} on {plan.task.name}; the same command tries it again")
    if failed:
        raise SystemExit(1)
    return page


def pairs(suite: Suite) -> list[Pair]:
    """The tasks of a suite: those of the published table, or the real data that packages carry."""
    if suite == "dabs":
        return [Pair(row.task, row.pretrain) for row in published()]
    return [Pair(name, name) for name, entry in DATASETS.items() if "mini" in entry.roles]


def plans(settings: BenchSettings) -> Iterator[Plan]:
    """Every cell: a seed after the other, and within it a pretraining set after the other.

    Raises:
        UserError: a method or a task is unknown.
    """
    methods = dict.fromkeys([*PLAIN, *settings.methods.split(",")])
    for method in methods:
        if method not in PLAIN:
            words_of(method)
    protocol = defaults_of("dabs" if settings.suite == "dabs" else "default")
    comparable = settings.suite == "dabs" and settings.dabs_faithful and settings.steps in (0, protocol["steps"])
    if settings.dabs_faithful and "method_details" in protocol:
        protocol["method_details"] = replace(protocol["method_details"], mixture_weights="batch")
    if settings.steps:
        protocol["steps"] = settings.steps
    for seed in range(settings.seed, settings.seed + settings.seeds):
        for task, source in chosen(settings):
            opened = partial(_opened, task, settings.dabs_faithful)
            trained_on = partial(_opened, source, settings.dabs_faithful)
            for method in methods:
                training = PretrainSettings(
                    data=source,
                    method=method,
                    out=settings.out / "runs" / f"{source}-{method}-seed{seed}",
                    batch=DATASETS[source].batch,
                    seed=seed,
                    device=settings.device,
                    precision=settings.precision,
                    dabs_faithful=settings.dabs_faithful,
                    quiet=settings.quiet,
                    **_details(DATASETS[source].domain, protocol),
                )
                yield Plan(
                    settings.suite,
                    Task(task, DATASETS[task].domain, opened, trained_on),
                    method,
                    seed,
                    None if method == RAW else training,
                    "dabs" if settings.suite == "dabs" else "default",
                    comparable,
                )


def chosen(settings: BenchSettings) -> list[Pair]:
    """The tasks that are asked for, those of one pretraining set side by side.

    Raises:
        UserError: a task is not in the suite.
    """
    known = {pair.task: pair for pair in pairs(settings.suite)}
    asked = settings.tasks.split(",") if settings.tasks else list(known)
    for name in asked:
        if name not in known:
            raise UserError(f"tasks: got {name!r}, must be of the suite {settings.suite}: {', '.join(known)}")
    return [known[name] for name in asked]


def share(planned: list[Plan], shard: str) -> list[Plan]:
    """The plans of one of several machines; those that use one encoder stay together."""
    number, count = map(int, shard.split("/"))
    encoders = list(dict.fromkeys(_encoder_of(plan) for plan in planned))
    return [plan for plan in planned if encoders.index(_encoder_of(plan)) % count == number - 1]


def _encoder_of(plan: Plan) -> tuple[object, ...]:
    return (plan.training.out,) if plan.training else (plan.task.name, plan.method, plan.seed)


def _details(domain: Domain, protocol: dict[str, Any]) -> dict[str, Any]:
    """The protocol's settings; symbols have no values, so rq acts on their embeddings."""
    if "method_details" in protocol or not domain.endswith("text"):
        return protocol
    return {**protocol, "method_details": MethodSettings(at="embeddings")}


@lru_cache(maxsize=4)
def _opened(name: str, faithful: bool) -> Dataset:
    """A data set; the cells of one task come one after the other."""
    return open_data(name, faithful=faithful)
