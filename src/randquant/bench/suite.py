"""Settings in, the cells of a suite measured: every task by every method and seed, each encoder trained once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from randquant import report
from randquant.bench.configurations import configurations, place_of
from randquant.bench.explored import best, check_whole, read_trials
from randquant.bench.grid import Plan, Task, run_grid, stands
from randquant.bench.samples import write_samples
from randquant.bench.submit import submit
from randquant.data import DATASETS, Dataset, open_data
from randquant.data.dabs.published import published
from randquant.data.entry import Domain
from randquant.device import find_device
from randquant.errors import UserError
from randquant.methods import UNTRAINED, words_of
from randquant.probe import RAW
from randquant.probe.score import MIDDLE, PENALTIES
from randquant.quantize.draw import Draws
from randquant.report.results import newest_runs
from randquant.settings import BenchSettings, MethodSettings, PretrainSettings, Suite, defaults_of
from randquant.terminal import remark

Piece = TypeVar("Piece")

PLAIN = (RAW, UNTRAINED)  # the two rows that every table carries
PUBLIC_CODE = (UNTRAINED, "emix")  # published columns whose code is public; that of RQ under this protocol is not
STEPS = 200  # of the mini suite, whose cells are to take two minutes on two processor cores at most


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
    failed = measure(settings) if settings.submit == "no" else measure_in_jobs(settings)
    _draw(settings)
    page = report.write(settings.out, settings.out / "report.html")
    remark(f"report: {page}")
    for plan in failed:
        remark(f"failed: {plan.method}, seed {plan.seed} on {plan.task.name}; the same command tries it again")
    if failed:
        raise SystemExit(1)
    return page


def measure(settings: BenchSettings) -> list[Plan]:
    """Measure the shard that the settings name, in this process: the plans that failed."""
    find_device(settings.device, settings.precision)
    planned = share(list(plans(settings)), settings.shard)
    return run_grid(planned, _results(settings), quiet=settings.quiet, processes=settings.processes)


def measure_in_jobs(settings: BenchSettings) -> list[Plan]:
    """Measure the whole suite in a job a shard, of those that have something to do: the plans that do not stand."""
    shards = [f"{number}/{settings.jobs}" for number in range(1, settings.jobs + 1)]
    planned, wanting = list(plans(settings)), {plan.cell for plan in _unfinished(settings)}
    wanted = [shard for shard in shards if wanting & {plan.cell for plan in share(planned, shard)}]
    if wanted:
        submit(measure, settings, wanted)
    return _unfinished(settings)


def _draw(settings: BenchSettings) -> None:
    """Samples of the tasks that have a result, for the page."""
    results = newest_runs(_results(settings)) if _results(settings).exists() else {}
    done = {cell.task for cell, lines in results.items() if lines[0]["status"] == "ok"}
    tasks = {plan.task.name: plan.task for plan in plans(settings) if plan.task.name in done}
    try:
        write_samples(list(tasks.values()), settings.out / "samples.json")
    except UserError as problem:  # such as data that have been removed since
        remark(f"no samples are drawn: {problem}")


def _unfinished(settings: BenchSettings) -> list[Plan]:
    """The plans that do not stand in the results."""
    kept = newest_runs(_results(settings)) if _results(settings).exists() else {}
    return [plan for plan in plans(settings) if not stands(plan, kept.get(plan.cell, []))]


def _results(settings: BenchSettings) -> Path:
    return settings.out / "results.jsonl"


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
            if _once(method) in PLAIN:
                raise UserError(f"methods: got {method!r}, but {_once(method)} takes no steps to double")
            words_of(_once(method))
    protocol = defaults_of("dabs" if settings.suite == "dabs" else "default", faithful=settings.dabs_faithful)
    comparable = settings.suite == "dabs" and settings.dabs_faithful and settings.steps in (0, protocol["steps"])
    protocol["steps"] = settings.steps or protocol.get("steps", STEPS)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    tried = [] if settings.explored is None else read_trials(settings.explored)
    for seed in seeds:
        for task, source in chosen_pairs(settings.suite, settings.tasks):
            domain = DATASETS[source].domain
            opened = partial(_opened, task, settings.dabs_faithful)
            trained_on = partial(_opened, source, settings.dabs_faithful)
            for method in methods:
                details, configuration = _details(domain, protocol), None
                if settings.explored is not None and method not in PLAIN:
                    check_whole(tried, source, _once(method), len(configurations(_once(method), domain)), seeds)
                    found = best(tried, source, _once(method))
                    if found is None:
                        continue  # it has no use for such samples
                    configuration = found.configuration
                    rate = {"learning_rate": configuration.learning_rate}
                    details = {**protocol, **rate, "method_details": configuration.details}
                if method != _once(method):
                    details["steps"] = 2 * details["steps"]
                training = PretrainSettings(
                    data=source,
                    method=_once(method),
                    out=settings.out / "runs" / f"{source}-{method}-seed{seed}",
                    batch=DATASETS[source].batch,
                    seed=seed,
                    device=settings.device,
                    precision=settings.precision,
                    dabs_faithful=settings.dabs_faithful,
                    quiet=settings.quiet or settings.processes > 1,
                    **details,
                )
                yield Plan(
                    settings.suite,
                    Task(task, DATASETS[task].domain, opened, trained_on),
                    method,
                    seed,
                    None if method == RAW else training,
                    "dabs" if settings.suite == "dabs" else "default",
                    settings.dabs_faithful,
                    comparable and equal(method, Pair(task, source)),
                    settings.draws,
                    MIDDLE if settings.one_penalty else PENALTIES,
                    None if configuration is None else configuration.to_dict(),
                )


def equal(method: str, pair: Pair) -> bool:
    """Whether nothing but rounding and the draw is done otherwise than for the published figure, all errors kept."""
    if method not in PUBLIC_CODE:
        return False
    used = {pair.task} if method == UNTRAINED else {*pair}
    return not any(DATASETS[name].remaining for name in used)


def _once(method: str) -> str:
    """The method that trains for twice the steps, without its mark."""
    return method.removesuffix("@2x")


def chosen_pairs(suite: Suite, tasks: str) -> list[Pair]:
    """The tasks that are asked for, those of one pretraining set side by side.

    Raises:
        UserError: a task is not in the suite.
    """
    known = {pair.task: pair for pair in pairs(suite)}
    asked = tasks.split(",") if tasks else list(known)
    for name in asked:
        if name not in known:
            raise UserError(f"tasks: got {name!r}, must be of the suite {suite}: {', '.join(known)}")
    return [known[name] for name in asked]


def share(planned: list[Plan], shard: str) -> list[Plan]:
    """The plans of one of several machines; those that use one encoder stay together."""
    encoders = list(dict.fromkeys(_encoder_of(plan) for plan in planned))
    mine = set(shared_out(encoders, shard))
    return [plan for plan in planned if _encoder_of(plan) in mine]


def shared_out(pieces: Sequence[Piece], shard: str) -> list[Piece]:
    """Every n-th of the pieces in a random order, always the same one, so that no machine gets all costly ones."""
    number, count = map(int, shard.split("/"))
    if count == 1:
        return list(pieces)
    order = Draws(0, 0, torch.arange(len(pieces))).permutation("shard").tolist()
    return [pieces[place] for place in sorted(order[number - 1 :: count])]


def _encoder_of(plan: Plan) -> tuple[object, ...]:
    return (plan.training.out,) if plan.training else (plan.task.name, plan.method, plan.seed)


def _details(domain: Domain, protocol: dict[str, Any]) -> dict[str, Any]:
    """The protocol's settings; a suite without a method's own says where values are changed."""
    if "method_details" in protocol:
        return dict(protocol)
    return {**protocol, "method_details": MethodSettings(at=place_of(domain))}


@lru_cache(maxsize=4)
def _opened(name: str, faithful: bool) -> Dataset:
    """A data set; the cells of one task come one after the other."""
    return open_data(name, faithful=faithful)
