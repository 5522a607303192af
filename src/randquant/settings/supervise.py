"""Every setting of a supervised training."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from randquant.errors import UserError
from randquant.settings.choices import Device, Precision, check_choices, check_least
from randquant.settings.encoder import EncoderSettings, check_start
from randquant.settings.method import MethodSettings

AUGMENTED = MethodSettings(crop_area=0.08)  # torchvision's own smallest crop
_FREE = ("out", "device", "workers", "resume", "quiet")  # what a resumed training may have otherwise


@dataclass(frozen=True, kw_only=True)
class SuperviseSettings:
    """Train an encoder and a linear head on labelled data, with or without randomized quantization.

    The defaults are those of torchvision's first recipe for ResNet-50 on ImageNet.
    """

    data: Positional[str]
    """A data set of the catalogue with classes, or a folder of photographs: train/<class>/… and val/<class>/…."""
    out: Path
    """The run directory to make."""
    augment: str = "rrc+flip"
    """Partners that change the training samples: rrc+flip, rrc+flip+rq, full; none for nothing."""
    epochs: int = 90
    """How often all training samples are seen; what fills no batch is left out."""
    batch: int = 256
    """Samples of a step, those of all processes together."""
    learning_rate: float = 0.1
    """The first learning rate. It is not scaled by the batch: 0.1 is for 256."""
    rate_epochs: int = 30
    """Epochs after which the learning rate is multiplied by rate_factor, again and again."""
    rate_factor: float = 0.1
    """What the learning rate is multiplied by."""
    optimizer_momentum: float = 0.9
    """Of SGD."""
    weight_decay: float = 1e-4
    """Of all parameters, biases and norms included."""
    side: int = 224
    """Pixels of the squares that photographs become."""
    encoder: EncoderSettings = field(default_factory=lambda: EncoderSettings(backbone="resnet50"))
    """The encoder."""
    start: str = ""
    """The first weights of a backbone: hub, those that torchvision or timm publish, fetched once; or a path,
    of a run or a checkpoint. By default they are drawn from the seed."""
    method_details: MethodSettings = AUGMENTED
    """What the partners may be told."""
    seed: int = 0
    """All random numbers follow from it."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16 bits."""
    workers: int = 2
    """Processes that read samples from files; data in memory needs none."""
    resume: bool = False
    """Go on with the run that is in the run directory, from the last finished epoch."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_start(self.start, self.encoder)
        for name, least in (("seed", 0), ("workers", 0), ("epochs", 1), ("rate_epochs", 1), ("side", 8), ("batch", 2)):
            check_least(name, getattr(self, name), least)
        for name in ("learning_rate", "rate_factor"):
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and finite")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay: got {self.weight_decay}, must be at least 0 and finite")
        if not 0 <= self.optimizer_momentum < 1:
            raise UserError(f"optimizer_momentum: got {self.optimizer_momentum}, must be at least 0 and below 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {**asdict(self), "out": str(self.out), "encoder": self.encoder.to_dict()}

    def decisive(self) -> dict[str, Any]:
        """What the trained weights depend on, as plain values."""
        kept = {one.name for one in fields(self)} - set(_FREE)
        return {name: value for name, value in self.to_dict().items() if name in kept}
