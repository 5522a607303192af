"""Every setting of a fine-tuning."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from randquant.errors import UserError
from randquant.settings.choices import Device, Precision, Schedule, check_choices, check_least
from randquant.settings.pretrain import WITHOUT_EFFECT
from randquant.settings.reading import ReadingSettings


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Train a run's encoder on with labels, beside the same encoder from scratch and the samples themselves."""

    run: Positional[Path]
    """A run directory."""
    data: Positional[str]
    """A data set whose target is a class, such as digits, or a path, whose labels are in the column --label names."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read; what is not given is as the run had it."""
    out: Path | None = None
    """A folder to make, for the results, and the encoder and head that all labels have trained. Where an earlier call
    was interrupted, the same one goes on with the draws that it has not finished."""
    steps: int = 300
    """Optimizer steps at most; with too few labels for a validation part, exactly."""
    batch: int = 64
    """Samples in a step; all of them where fewer are labelled."""
    learning_rate: float = 1e-3
    """The head's peak learning rate."""
    layer_decay: float = 1.0
    """What the rate is multiplied by from a layer to the one before it, also from scratch; 1 is the same for all. 0.75
    spares what pretraining has found, and slows random weights down."""
    weight_decay: float = 0.05
    """The weight decay of matrices; biases and norms have none."""
    schedule: Schedule = "cosine"
    """After the warm-up: constant, or half a cosine down to 0."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises from 0 to its peak."""
    evaluate_every: int = 10
    """Steps between looks at the validation part; the best weights there are kept."""
    patience: int = 10
    """Looks without a better one after which a training stops."""
    augment: str = ""
    """Partners that change the training samples, such as rq or crop+rq, as strong as the run's method had them."""
    draws: int = 5
    """How many times the few labels are drawn."""
    seed: int = 0
    """Names the draws of the few labels, the validation parts, and all that is random in a training."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16 bits."""
    quiet: bool = False
    """No progress and no table."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_least("seed", self.seed, 0)
        for name in ("steps", "batch", "evaluate_every", "patience", "draws"):
            check_least(name, getattr(self, name), 1)
        if not 0 < self.learning_rate < math.inf:
            raise UserError(f"learning_rate: got {self.learning_rate}, must be above 0 and finite")
        if not 0 < self.layer_decay <= 1:
            raise UserError(f"layer_decay: got {self.layer_decay}, must be above 0 and at most 1")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay: got {self.weight_decay}, must be at least 0 and finite")
        if not 0 <= self.warmup < 1:
            raise UserError(f"warmup: got {self.warmup}, must be a share of the steps, at least 0 and below 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        out = None if self.out is None else str(self.out)
        reading = {**self.reading.choices(), "patch": list(self.reading.patch)}  # as JSON has it
        return {**asdict(self), "run": str(self.run), "out": out, "reading": reading}

    def decisive(self) -> dict[str, Any]:
        """What the results depend on, as plain values: neither the folder, nor what is shown."""
        return {name: value for name, value in self.to_dict().items() if name not in WITHOUT_EFFECT}
