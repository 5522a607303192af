"""Variants of randomized quantization and data sets in, a grid with paired seeds and its page out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from randquant import report
from randquant.bench import Plan, Task, run_grid
from randquant.data import DATASETS, Dataset, open_data
from randquant.device import find_device
from randquant.errors import UserError
from randquant.methods import UNTRAINED
from randquant.probe import RAW
from randquant.recipes.ablation_page import write_page
from randquant.settings import MethodSettings, PretrainSettings, RecipeSettings
from randquant.terminal import remark

SEEDS, STEPS, RATE = 5, 600, 2e-3


@dataclass(frozen=True)
class Ablation:
    """What is varied, and on what.

    Args:
        name: the recipe's, and the results' suite.
        property: what the variants are values of, in a word or two.
        variants: by their label the settings of `rq` that make them; differences are to the first.
        tasks: names of the catalogue, unless others are asked for.
        fewest_channels: data with fewer are refused, since the variants are the same there.
    """

    name: str
    property: str
    variants: Mapping[str, Mapping[str, Any]]
    tasks: tuple[str, ...]
    fewest_channels: int = 1


def run_ablation(ablation: Ablation, settings: RecipeSettings) -> Path:
    """Train and probe every variant; what stands in the folder is not done again.

    Returns:
        the path of the page.

    Raises:
        UserError: a data set is unknown, has no values or too few channels, or the folder cannot be written.
        SystemExit: with 1, after the page, if a cell failed.
    """
    find_device(settings.device, settings.precision or "32")
    out = settings.out or Path("runs") / ablation.name
    failed = measured(list(plans(ablation, settings, out)), settings, out)
    page = write_page(
        ablation.name, ablation.property, list(ablation.variants), report.read(out / "results.jsonl"), out
    )
    report.write(out, out / "report.html")
    tell_failed(failed)
    return page


def measured(planned: list[Plan], settings: RecipeSettings, out: Path) -> list[Plan]:
    """Measure what does not stand in a folder's results yet: the plans that failed."""
    return run_grid(planned, out / "results.jsonl", quiet=settings.quiet, processes=settings.processes)


def tell_failed(failed: list[Plan]) -> None:
    """Name the plans that failed, if any.

    Raises:
        SystemExit: with 1, if there are some.
    """
    for plan in failed:
        remark(f"failed: {plan.method}, seed {plan.seed} on {plan.task.name}; the same command tries it again")
    if failed:
        raise SystemExit(1)


def plans(ablation: Ablation, settings: RecipeSettings, out: Path) -> Iterator[Plan]:
    """Every cell: the two plain rows, then the variants; seeds are paired by split and first weights."""
    tasks = settings.tasks.split(",") if settings.tasks else ablation.tasks
    for task in tasks:
        check(ablation, open_data(task))
    methods = {RAW: None, UNTRAINED: {}, **ablation.variants}
    for seed in range(settings.seed, settings.seed + (settings.seeds or SEEDS)):
        for task in tasks:
            entry = DATASETS[task]
            for label, changes in methods.items():
                training = None
                if changes is not None:
                    training = PretrainSettings(
                        data=task,
                        method=UNTRAINED if label == UNTRAINED else "rq",
                        out=out / "runs" / f"{task}-{label.replace(' ', '-')}-seed{seed}",
                        steps=settings.steps or STEPS,
                        batch=entry.batch,
                        seed=seed,
                        learning_rate=RATE,
                        method_details=MethodSettings(**changes),
                        device=settings.device,
                        precision=settings.precision or "32",
                        quiet=settings.quiet or settings.processes > 1,
                    )
                opened = Task(task, entry.domain, partial(open_data, task))
                yield Plan(ablation.name, opened, label, seed, training, draws=0)


def check(ablation: Ablation, dataset: Dataset) -> None:
    """Refuse data on which the variants are the same.

    Raises:
        UserError: the data set has no values, or too few channels.
    """
    most = max(one.channels for one in dataset.spec.inputs)
    if most < ablation.fewest_channels:
        told = "no values, symbols alone" if not most else f"{most} channel{'s' if most > 1 else ''}"
        raise UserError(
            f"tasks: {dataset.name} has {told}, where the variants of {ablation.name} are the same; "
            f"take data with {ablation.fewest_channels} channels or more, such as {' or '.join(ablation.tasks)}"
        )
