"""An experiment of the ImageNet table and a folder of photographs in, its training, its scores and a page out."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch

from randquant import world
from randquant.data import Dataset
from randquant.device import find_device
from randquant.encoder import Encoder, VisionBackbone, fill_published, make_encoder
from randquant.errors import UserError
from randquant.methods import UNTRAINED
from randquant.pretrain import train
from randquant.probe import extract, labels_of
from randquant.probe.score import Score
from randquant.probe.task import config_hash, result_lines
from randquant.recipes.experiment import Experiment
from randquant.recipes.size import SIZES
from randquant.run.files import replace
from randquant.settings import EncoderSettings, PretrainSettings, RecipeSettings, SuperviseSettings
from randquant.supervise import linear_probe, supervise, vote
from randquant.supervise.linear import BATCH, EPOCHS
from randquant.supervise.training import open_labelled

LINEAR, BEST, NEIGHBOURS = "linear", "linear, best epoch", "knn"  # heads
ABOVE, BELOW = "above", "**not above**"
_Training = TypeVar("_Training", PretrainSettings, SuperviseSettings)
_WORDS = {LINEAR: "the linear probe", NEIGHBOURS: "neighbours"}
_TOLD = {LINEAR: "linear, last epoch", BEST: "linear, best epoch (published practice)", NEIGHBOURS: "neighbours"}


def runner(experiment: Experiment) -> Callable[[RecipeSettings], Path]:
    """The function that runs an experiment; its docstring is the experiment's page."""

    def run(settings: RecipeSettings) -> Path:
        return run_experiment(experiment, settings)

    run.__doc__ = experiment.page()
    return run


def run_experiment(experiment: Experiment, settings: RecipeSettings) -> Path:
    """Train, or take the published weights, then probe beside a random encoder of the same kind.

    Returns:
        the page; results.jsonl and the runs are beside it. A run that was begun there is gone on with.

    Raises:
        UserError: the data, the weights or the folder is not what it must be.
    """
    find_device(settings.device)
    _check(experiment, settings)
    out = settings.out or Path("runs") / experiment.name
    dataset = _open(experiment, settings)
    began = time.monotonic()
    page = out / "page.md"
    scores: dict[str, dict[str, float]] = {}
    encoders: dict[str, Encoder] = {}
    if experiment.kind == "supervise":
        scores["supervised"] = _supervised(experiment, settings, dataset, out)
    else:
        encoders[experiment.method or "published"] = _trained(experiment, settings, dataset, out)
    if world.rank():  # the probe takes one process
        return page
    if experiment.kind != "supervise" or settings.scale == "tiny":
        encoders[UNTRAINED] = make_encoder(dataset.spec, _sizes(experiment, settings), settings.seed)
    device = find_device(settings.device)
    for name, encoder in encoders.items():
        rate = experiment.probe_rate if _asks(name, settings) else None
        scores[name] = _probed(settings, dataset, encoder.to(device), rate)
    out.mkdir(parents=True, exist_ok=True)
    lines = list(_lines(experiment, settings, dataset, scores, time.monotonic() - began))
    replace(out / "results.jsonl", lambda file: file.write("".join(json.dumps(one) + "\n" for one in lines).encode()))
    replace(page, lambda file: file.write(_page(experiment, settings, scores).encode()))
    return page


def _check(experiment: Experiment, settings: RecipeSettings) -> None:
    """Refuse what other experiments take and these do not."""
    refused = {"tasks": settings.tasks, "seeds": settings.seeds, "processes": settings.processes - 1}
    if experiment.kind != "pretrain":
        refused["steps"] = settings.steps
    for name, given in refused.items():
        if given:
            raise UserError(f"{name}: {experiment.name} takes none; it is one training, named by --seed and --data")
    if experiment.kind != "verify" and settings.weights is not None:
        raise UserError(f"weights: {experiment.name} takes none; it trains its own, and verify-… looks at others")
    if experiment.kind == "verify" and settings.precision is not None:
        raise UserError(f"precision: {experiment.name} takes none; it trains nothing but a head, in 32 bits")


def _probe_batch(settings: RecipeSettings) -> int:
    """Samples of a step of the linear probe."""
    return min(BATCH, SIZES[settings.scale].batch or BATCH)


def _asks(name: str, settings: RecipeSettings) -> bool:
    """Whether the linear probe is asked of an encoder: of a random one only where it takes no day."""
    return name != UNTRAINED or settings.scale == "tiny"


def _open(experiment: Experiment, settings: RecipeSettings) -> Dataset:
    if not settings.data:
        raise UserError(
            f"data: got none, but {experiment.name} needs a folder of photographs: train/<class>/… and val/…"
        )
    found = open_labelled(settings.data, experiment.pixels(settings.scale))
    found.check_classes("data")
    if len(found.classes) < 2:
        raise UserError(f"data: {settings.data} has 1 class, needs 2 at least")
    if "test" not in found.parts:
        raise UserError(f"data: {settings.data} has no val folder beside train, which the probe is scored on")
    samples, needed = len(found.parts["train"].ids), _probe_batch(settings)
    if experiment.kind != "supervise" and samples < needed:
        raise UserError(f"data: {settings.data} has {samples} training photographs, the linear probe needs {needed}")
    return found


def _trained(experiment: Experiment, settings: RecipeSettings, dataset: Dataset, out: Path) -> Encoder:
    """The encoder after its training, or with the published weights."""
    if experiment.kind == "verify":
        if settings.weights is None:
            raise UserError(f"weights: got none, but {experiment.name} needs the published checkpoint's file")
        encoder = make_encoder(dataset.spec, _sizes(experiment, settings), settings.seed)
        assert isinstance(encoder, VisionBackbone)
        return fill_published(settings.weights, encoder).eval()
    plan = _plan(experiment, settings, dataset, out)
    return train(plan, dataset).encoder()


def _plan(experiment: Experiment, settings: RecipeSettings, dataset: Dataset, out: Path) -> PretrainSettings:
    samples = len(dataset.parts["train"].ids)
    plan = experiment.pretraining(
        settings.data, out / "run", samples, scale=settings.scale, seed=settings.seed, steps=settings.steps
    )
    return _asked(plan, settings, out)


def _asked(plan: _Training, settings: RecipeSettings, out: Path) -> _Training:
    """A training's settings as the command line wants them; what was begun in the folder goes on."""
    return dataclasses.replace(
        plan,
        device=settings.device,
        precision=settings.precision or plan.precision,
        quiet=settings.quiet,
        resume=(out / "run" / "config.json").exists(),
    )


def _sizes(experiment: Experiment, settings: RecipeSettings) -> EncoderSettings:
    """The encoder at this scale; published weights have a size of their own."""
    published: EncoderSettings = experiment.options["encoder"]
    return published if experiment.kind == "verify" else SIZES[settings.scale].shrink(published)


def _supervised(experiment: Experiment, settings: RecipeSettings, dataset: Dataset, out: Path) -> dict[str, float]:
    plan = experiment.supervision(settings.data, out / "run", scale=settings.scale, seed=settings.seed)
    lines = supervise(_asked(plan, settings, out), dataset).metrics()
    return {LINEAR: lines[-1]["test_accuracy"], BEST: max(line["test_accuracy"] for line in lines)}


def _probed(settings: RecipeSettings, dataset: Dataset, encoder: Encoder, rate: float | None) -> dict[str, float]:
    """The accuracies of the heads on frozen features; the linear one where it is given a rate for 256 samples."""
    size, target = SIZES[settings.scale], dataset.spec.target
    assert target is not None
    found: dict[str, float] = {}
    if rate is not None:
        batch = _probe_batch(settings)
        # The learning rate stays that of the full batch: with less, the small features of a random encoder go unread.
        lines = linear_probe(
            encoder, dataset, epochs=size.labelled or EPOCHS, batch=batch, base=rate * BATCH / batch,
            seed=settings.seed, workers=size.workers,
        )  # fmt: skip
        found = {LINEAR: lines[-1]["test_accuracy"], BEST: max(line["test_accuracy"] for line in lines)}
    device = next(encoder.parameters()).device
    read = {part: extract(encoder, dataset.parts[part], workers=size.workers) for part in ("train", "test")}
    features = {part: torch.from_numpy(values).to(device) for part, values in read.items()}
    labels = {part: torch.from_numpy(labels_of(dataset.parts[part])).to(device) for part in read}
    found[NEIGHBOURS] = vote(
        features["train"], labels["train"], features["test"], labels["test"], classes=target.size,
        neighbours=200 if settings.scale == "full" else 20,
    )  # fmt: skip
    return found


def _lines(
    experiment: Experiment,
    settings: RecipeSettings,
    dataset: Dataset,
    scores: dict[str, dict[str, float]],
    seconds: float,
) -> Iterator[dict[str, Any]]:
    """The last epoch's accuracies; the best epoch's, which the test part has chosen, stands on the page alone."""
    asked = {"experiment": dataclasses.asdict(experiment), "scale": settings.scale, "steps": settings.steps}
    for method, found in scores.items():
        yield from result_lines(
            [Score(f"{head}_accuracy", "all", 0, value) for head, value in found.items() if head != BEST],
            suite=experiment.name,
            dataset=dataset,
            method=method,
            seed=settings.seed,
            seconds=seconds,
            config_hash=config_hash({**asked, "method": method}),
        )


def _page(experiment: Experiment, settings: RecipeSettings, scores: dict[str, dict[str, float]]) -> str:
    """A table in Markdown, the published figure beside it."""
    heads = [head for head in _TOLD if any(head in found for found in scores.values())]
    rows = []
    for name, found in scores.items():
        rows.append(f"| {name} | " + " | ".join(_percent(found.get(head)) for head in heads) + " |")
    if experiment.expected is None or settings.scale == "tiny":
        told = "There is no published figure to compare this with."
    else:
        told = f"Published: {experiment.expected} ({experiment.measure}; {experiment.source})."
    title = f"# {experiment.name}: {experiment.title}"
    scale = "Tiny: the same code on other sizes; it says nothing about ImageNet." if settings.scale == "tiny" else ""
    head = ["| encoder | " + " | ".join(_TOLD[one] for one in heads) + " |", "|---|" + "---|" * len(heads)]
    parts = (title, scale, "\n".join([*head, *rows]), *_verdicts(scores), told)
    return "\n\n".join(one for one in parts if one) + "\n"


def _verdicts(scores: dict[str, dict[str, float]]) -> Iterator[str]:
    """By how much each encoder is above the random one, or that it is not, by each head that both were asked."""
    for name, found in scores.items():
        gaps = {
            head: found[head] - random
            for head, random in scores.get(UNTRAINED, {}).items()
            if head != BEST and head in found
        }
        if name == UNTRAINED or not gaps:
            continue
        told = (f"{ABOVE if gap > 0 else BELOW} by {_WORDS[head]}, {100 * gap:+.2f}" for head, gap in gaps.items())
        yield f"{name} and the random encoder, none, in points, by one seed: {'; '.join(told)}."


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"
