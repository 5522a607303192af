"""Labelled data in, a trained encoder and its accuracy after every epoch out: supervised training.

Source: the reference training of torchvision's classification models, whose first weights of ResNet-50 reach 76.130 %.
Unlike there, what is left of an epoch and fills no batch is left out.
"""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch.nn import functional as F

from randquant import world
from randquant.data import Dataset, open_data
from randquant.data.photographs import open_photographs
from randquant.data.reading import Cut
from randquant.data.root import data_root
from randquant.encoder import start_encoder
from randquant.errors import UserError
from randquant.finetune.loop import Classifier, judge
from randquant.methods import PARTNERS, Chain, check_read, crops, read_by
from randquant.pretrain.checks import check_shared
from randquant.pretrain.feed import feed
from randquant.pretrain.processes import launch
from randquant.quantize.draw import torch_seed
from randquant.run import Run
from randquant.settings import AUGMENTED, SuperviseSettings


def supervise(settings: SuperviseSettings, dataset: Dataset | None = None) -> Run:
    """Train as `train_classifier` does: the run, its encoder without the head.

    Raises:
        UserError: as there.
    """
    return train_classifier(settings, dataset)[0]


def train_classifier(settings: SuperviseSettings, dataset: Dataset | None = None) -> tuple[Run, Classifier]:
    """Train on the part `train`, and say after every epoch what is named right of the part `test`.

    metrics.jsonl holds a line an epoch: `epoch`, `loss`, `learning_rate`, and `test_accuracy` where there is such a
    part. The last epoch's weights and accuracy count; the best epoch's accuracy, which other publications report, is
    chosen on the very part that it is measured on.

    Args:
        settings: everything a user may set.
        dataset: labelled samples, instead of those that `settings.data` names.

    Returns:
        the run, and the encoder with its head.

    Raises:
        UserError: a setting, the data or the run directory is wrong, or the loss stopped being a number.
    """
    dataset = dataset or open_labelled(settings.data, settings.side)
    dataset.check_classes("data")
    samples, classes = dataset.parts["train"], dataset.spec.target
    assert classes is not None
    steps = len(samples.ids) // settings.batch  # of an epoch
    if not steps:
        raise UserError(f"batch: got {settings.batch}, must be at most the {len(samples.ids)} training samples")
    if classes.size < 2:
        raise UserError(f"data: {dataset.name} has {classes.size} class, needs 2 at least")
    chain = make_chain(settings, dataset)
    fabric = launch(settings.device, settings.precision)
    check_shared(settings.batch)
    encoder = start_encoder(dataset.spec, settings.encoder, settings.seed, settings.start)
    classifier = Classifier(encoder, classes.size, torch_seed(settings.seed, "head"), chain)
    run = _run(settings, dataset, fabric)
    model, optimizer = fabric.setup(classifier, make_optimizer(classifier, settings))
    parts = {"classifier": classifier, "optimizer": optimizer, "precision": fabric.strategy.precision}
    done = 0
    if settings.resume and run.has_state():
        (done,) = run.restore(parts, ("epoch",))
    if fabric.is_global_zero:
        run.rewind(done * steps)  # the lines of epochs that are made once more
    console = Console(stderr=True, quiet=settings.quiet or not fabric.is_global_zero, highlight=False, soft_wrap=True)
    with (
        torch.random.fork_rng(devices=range(torch.cuda.device_count())),
        contextlib.closing(
            feed(
                samples,
                fabric.device,
                seed=settings.seed,
                batch=settings.batch,
                workers=settings.workers,
                first=done * steps,
                cut=Cut(1, settings.method_details.crop_area) if crops(settings.augment) else None,
            )
        ) as batches,
    ):
        for epoch in range(done, settings.epochs):
            started, rate, losses = time.monotonic(), set_rate(optimizer, settings, epoch), []
            model.train()
            for step in range(steps):
                batch, draws = next(batches)
                assert batch.target is not None
                torch.manual_seed(torch_seed(settings.seed, "dropout", epoch, step, world.rank()))
                loss = F.cross_entropy(model(batch.inputs, draws), batch.target)
                fabric.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                losses.append(loss.detach())
            mean = float(world.mean(torch.stack(losses).mean()))
            if not math.isfinite(mean):
                raise UserError(f"learning_rate: the loss became {mean} in epoch {epoch + 1}; take a smaller one")
            line: dict[str, Any] = {"step": (epoch + 1) * steps, "epoch": epoch + 1}
            line |= {"loss": mean, "learning_rate": rate}
            if fabric.is_global_zero:
                if "test" in dataset.parts:
                    line["test_accuracy"], _ = judge(classifier, dataset.parts["test"], settings.workers)
                run.log({**line, "seconds": time.monotonic() - started})
                run.save_encoder(encoder)
                state = {name: part.state_dict() for name, part in parts.items()}
                run.save_state({"epoch": epoch + 1, **state}, (epoch + 1) * steps)
                told = f", test accuracy {100 * line['test_accuracy']:.2f}%" if "test_accuracy" in line else ""
                console.print(f"epoch {epoch + 1}/{settings.epochs}: loss {mean:.3f}{told}", markup=False)
            fabric.barrier()
    return run, classifier


def make_chain(settings: SuperviseSettings, dataset: Dataset) -> Chain:
    """What training samples go through.

    Raises:
        UserError: there is no such partner, it has no use for such samples, or none reads one of the settings.
    """
    words = [] if settings.augment == "none" else settings.augment.split("+")
    if any(word not in PARTNERS for word in words) or len(set(words)) < len(words):
        raise UserError(
            f"augment: got {settings.augment!r}, must be none or some of {', '.join(PARTNERS)}, each once: rrc+flip+rq"
        )
    makers = [PARTNERS[word] for word in words]
    check_read("augment", settings.augment, read_by(*makers), settings.method_details.changed(AUGMENTED))
    return sum((maker(dataset.spec, settings.method_details) for maker in makers), Chain())


def make_optimizer(classifier: Classifier, settings: SuperviseSettings) -> torch.optim.SGD:
    """Plain SGD with momentum, everything decayed, in one group."""
    return torch.optim.SGD(
        classifier.parameters(),
        lr=settings.learning_rate,
        momentum=settings.optimizer_momentum,
        weight_decay=settings.weight_decay,
    )


def set_rate(optimizer: torch.optim.Optimizer, settings: SuperviseSettings, epoch: int) -> float:
    """Give the optimizer its learning rate of an epoch, from 0, and return it."""
    rate = settings.learning_rate * settings.rate_factor ** (epoch // settings.rate_epochs)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def open_labelled(data: str, side: int) -> Dataset:
    """A folder of photographs, cut to squares of this side; ImageNet's by its name; or another set of the catalogue.

    Raises:
        UserError: there is none, or it is broken.
    """
    if data == "imagenet":
        return open_photographs(data_root() / "imagenet", side=side)
    if Path(data).is_dir():
        return open_photographs(data, side=side)
    return open_data(data)


def _run(settings: SuperviseSettings, dataset: Dataset, fabric: Fabric) -> Run:
    """The run to go on with, or a new one."""
    if not settings.resume:
        if fabric.is_global_zero:
            values = {**settings.to_dict(), "method": "supervised", "device": fabric.device.type}
            config = {"settings": values, "spec": dataset.spec.to_dict()}
            Run.create(settings.out, config)
        fabric.barrier()
        return Run.open(settings.out)
    run = Run.open(settings.out)
    run.check_version()
    before, now = run.config["settings"], settings.decisive()
    differing = [name for name, value in now.items() if before.get(name) != value]
    if differing:
        told = f"{differing[0]}: got {now[differing[0]]}, but it was started with {before.get(differing[0])}"
        raise UserError(f"{told}; {run.path} can only be resumed unchanged")
    return run
