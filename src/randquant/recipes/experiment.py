"""The name of a published experiment and where to run it in, the settings of that training out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from randquant.errors import UserError
from randquant.methods import settings_of
from randquant.recipes.size import SIZES
from randquant.settings import PretrainSettings, SuperviseSettings
from randquant.settings.choices import Scale

IMAGENET = 1_281_167  # training photographs


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A named experiment.

    Attributes:
        name: as the command line takes it.
        title: what it is, in one line.
        kind: a self-supervised training, a supervised one, or a look at published weights.
        method: of a self-supervised training, or what changes a supervised one's samples.
        hardware: what the published figure was made on, or what this one needs.
        hosts: machines of eight GPUs that this is; 0 where one GPU will do.
        batch: samples of a step, those of all processes together.
        epochs: of the training.
        samples: of an epoch.
        warmup: epochs in which the learning rate rises.
        probe_rate: the linear probe's learning rate for 256 samples.
        expected: the published figure in per cent, or None where nobody has published one.
        measure: what the figure is.
        source: who published it.
        chosen: what is not known about the original, and what is done here instead.
        options: the settings that make it, but for steps and batch.
    """

    name: str
    title: str
    kind: Literal["pretrain", "supervise", "verify"] = "pretrain"
    method: str = ""
    hardware: str = "16 GPUs of 32 GB, 256 photographs each"
    hosts: int = 2
    batch: int = 4096
    epochs: int = 100
    samples: int = IMAGENET
    warmup: int = 10
    side: int = 224
    probe_rate: float = 0.1
    expected: float | None = None
    measure: str = "linear probe, top-1, ImageNet"
    source: str = ""
    chosen: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def page(self) -> str:
        """What `randquant recipe show` prints."""
        expected = "no figure: nobody has published this row" if self.expected is None else f"{self.expected} %"
        figure = "" if self.expected is None else f": {self.expected}"
        command = f"recipe run {self.name} --data FOLDER --out DIR{' --weights FILE' * (self.kind == 'verify')}"
        launch = f"torchrun {f'--nnodes {self.hosts} ' if self.hosts > 1 else '--standalone '}--nproc-per-node 8"
        lines = [
            f"{self.title[0].upper()}{self.title[1:]}, {self.epochs} epochs{figure}.",
            "",
            f"Command:  randquant {command}",
            *([f"          {launch} -m randquant {command}"] * bool(self.hosts)),
            f"Hardware: {self.hardware}",
            f"Batch:    {self.batch}",
            f"Schedule: {self.epochs} epochs{f', {self.warmup} of them warm-up' if self.warmup else ''}",
            *([] if self.kind == "verify" else [f"Rate:     {self._rate()}"]),
            f"Views:    {self.method}" if self.method else "Views:    those of the published training",
            f"Measure:  {self.measure}",
            f"Expected: {expected}{f' (published: {self.source})' if self.expected is not None else ''}",
            *(f"Chosen:   {one}" for one in self.chosen),
            "",
            "--scale tiny runs the same code on any small folder of photographs; sizes, and what follows, are others.",
        ]
        return "\n".join(lines)

    def _rate(self) -> str:
        """The optimizer, its learning rate after the warm-up, and its weight decay."""
        name, rate, decay = (self.options.get(one) for one in ("optimizer", "learning_rate", "weight_decay"))
        falls = "a tenth of it every 30 epochs" if self.kind == "supervise" else "falling to 0 as half a cosine"
        return f"{rate:.4g} of {name or 'sgd'}, {falls}; weight decay {decay:g}"

    def pixels(self, scale: Scale) -> int:
        """The side of an image."""
        return SIZES[scale].pixels(self.side, self.options["encoder"])

    def pretraining(
        self, data: str, out: Path, samples: int, *, scale: Scale = "full", seed: int = 0, steps: int = 0
    ) -> PretrainSettings:
        """The settings of the self-supervised training.

        Args:
            data, out: as the training's.
            samples: how many there are to train on; an epoch is so many, less what fills no batch.
            scale: tiny changes sizes, of images, model, heads, batch and training, and what follows from them: `Size`.
            seed: all random numbers follow from it.
            steps: of the training; 0 is the scale's own number.

        Raises:
            UserError: there are fewer samples than a published batch has.
        """
        size = SIZES[scale]
        batch = min(size.batch, self.batch, samples) if size.batch else self.batch
        if samples < batch:
            raise UserError(f"data: {samples:,} photographs are fewer than the batch of {batch:,}; take --scale tiny")
        each = samples // batch
        steps = steps or max(size.fewest, (size.epochs or self.epochs) * each)
        options = dict(self.options)
        details = size.fit(
            options.pop("method_details"),
            side=self.pixels(scale) / self.side,
            steps=steps / (self.epochs * (self.samples // self.batch)),
        )
        if options.pop("rate_changes_by_epoch", False):
            options["rate_every"] = each
        return PretrainSettings(
            data=data,
            out=out,
            method=self.method,
            steps=steps,
            batch=batch,
            learning_rate=size.rate(options.pop("learning_rate"), options["optimizer"], batch / self.batch),
            warmup=self.warmup / self.epochs,
            seed=seed,
            encoder=size.shrink(options.pop("encoder")),
            method_details=details.only(settings_of(self.method)),
            precision="16" if scale == "full" else "32",
            workers=size.workers,
            **options,
        )

    def supervision(self, data: str, out: Path, *, scale: Scale = "full", seed: int = 0) -> SuperviseSettings:
        """The settings of the supervised training; arguments as above."""
        size = SIZES[scale]
        options = dict(self.options)
        epochs = size.labelled or self.epochs
        return SuperviseSettings(
            data=data,
            out=out,
            augment=self.method,
            epochs=epochs,
            rate_epochs=-(-epochs // 3),
            batch=size.batch or self.batch,
            side=self.pixels(scale),
            encoder=size.shrink(options.pop("encoder")),
            seed=seed,
            workers=size.workers,
            **options,
        )
