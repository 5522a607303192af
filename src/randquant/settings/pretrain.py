"""Every setting of a pretraining, and those that a protocol changes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from randquant.errors import UserError
from randquant.settings.choices import (
    Decay,
    Device,
    Logger,
    Optimizer,
    Precision,
    Protocol,
    Schedule,
    check_choices,
    check_least,
)
from randquant.settings.encoder import BENCHMARK_ENCODER, EncoderSettings, check_start
from randquant.settings.method import MethodSettings
from randquant.settings.reading import ReadingSettings

WITHOUT_EFFECT = (  # on the trained encoder
    "out", "workers", "log_every", "watch_every", "save_every", "save_minutes", "keep", "monitors", "logger",
    "resume", "quiet",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Train an encoder on unlabelled data and leave it in a run directory."""

    data: Positional[str]
    """A data set of the catalogue, such as digits, or a file or folder of your own: .npy, .npz, .csv, .parquet, .txt,
    .jsonl, or a folder of pictures, recordings or texts."""
    method: str = "rq"
    """none, rq, emix, shed, mae, capri, imix, mocov3, byol, simsiam or simclr, after partners: crop+rq, rq+byol. The
    partners are rq, crop, shift, mask, noise and uniform, and of photographs rrc, flip and full: docs/training.md."""
    out: Path
    """The run directory to make."""
    protocol: Protocol = "default"
    """dabs: every other setting is the DABS benchmark's unless it is named; docs/dabs.md says which."""
    dabs_faithful: bool = False
    """Keep the errors of the DABS benchmark's own code in a data set and, with --protocol dabs, in emix, where
    published figures depend on them."""
    steps: int = 600
    """Optimizer steps."""
    batch: int = 0
    """Samples that a loss sees, those of all processes together; they are each other's negatives, so at least 2. 0 is
    the data set's own number: the DABS benchmark's for its sets, 128 for others, and at most a quarter of a path's
    samples."""
    accumulate: int = 1
    """Batches whose gradients are averaged in a step."""
    seed: int = 0
    """All random numbers follow from it."""
    optimizer: Optimizer = "adamw"
    """adamw, sgd, or lars as the ImageNet recipes have it."""
    learning_rate: float = 2e-3
    """The peak learning rate."""
    optimizer_momentum: float = 0.9
    """The momentum of sgd and lars."""
    weight_decay: float = 1e-4
    """The optimizer's weight decay."""
    decay: Decay = "all"
    """What decays: all parameters, as in the DABS benchmark, or matrices alone: no biases, no norms."""
    clip: float = 0.0
    """The gradient's largest norm; 0 for any."""
    schedule: Schedule = "cosine"
    """After the warm-up: constant, or half a cosine down to 0."""
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises from 0 to its peak."""
    rate_every: int = 1
    """Steps between changes of the learning rate: 1, or those of an epoch for recipes whose rate changes once in it."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read."""
    holdout: float = 0.0
    """Of a path: the share of the samples, or of whole groups, that nothing is learnt or inferred from; their names are
    kept with the run."""
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    """The encoder's sizes; what is not given follows, for a path, from the number of samples."""
    start: str = ""
    """The first weights of a backbone: hub, those that torchvision or timm publish, fetched once; or a path,
    of a run or a checkpoint. By default they are drawn from the seed."""
    method_details: MethodSettings = field(default_factory=MethodSettings)
    """The method's settings."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16 bits."""
    compile: bool = False
    """Compile the encoder's blocks, which takes a minute and needs a C++ compiler."""
    workers: int = 2
    """Processes that decode samples from files, or threads where files are mapped; data in memory needs none."""
    monitors: Annotated[tuple[str, ...], arg(aliases=["--eval"])] = ()
    """Labelled data sets on which neighbours and a linear head are tried while the encoder trains: of the catalogue, or
    NAME=PATH:LABEL, whose labels are in that column, or without :LABEL in the one that --label names."""
    logger: tuple[Logger, ...] = ()
    """Where metrics go beside metrics.jsonl: tensorboard, wandb."""
    log_every: int = 10
    """Steps between the lines of metrics.jsonl."""
    watch_every: int = 100
    """Steps between looks at the features' spread, which tells collapse, and at the labelled data sets."""
    save_every: int = 500
    """Steps between saved states."""
    save_minutes: float = 10.0
    """Minutes between saved states, where steps take long."""
    keep: int = 2
    """How many states are kept, the newest ones."""
    resume: bool = False
    """Go on with the run that is in the run directory."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_start(self.start, self.encoder)
        check_least("seed", self.seed, 0)
        if self.batch != 0:
            check_least("batch", self.batch, 2)
        check_least("workers", self.workers, 0)
        for name in ("steps", "accumulate", "rate_every", "log_every", "watch_every", "save_every", "keep"):
            check_least(name, getattr(self, name), 1)
        if not 0 <= self.holdout < 1:
            raise UserError(f"holdout: got {self.holdout}, must be a share of the samples, at least 0 and below 1")
        if not 0 <= self.warmup < 1:
            raise UserError(f"warmup: got {self.warmup}, must be a share of the steps, at least 0 and below 1")
        if not 0 <= self.optimizer_momentum < 1:
            raise UserError(f"optimizer_momentum: got {self.optimizer_momentum}, must be at least 0 and below 1")
        for name in ("learning_rate", "save_minutes"):
            if not 0 < getattr(self, name) < math.inf:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and finite")
        for name in ("weight_decay", "clip"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UserError(f"{name}: got {getattr(self, name)}, must be at least 0 and finite")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        reading = {**self.reading.choices(), "patch": list(self.reading.patch)}  # as JSON has it
        return {**asdict(self), "out": str(self.out), "reading": reading, "encoder": self.encoder.to_dict()}

    def decisive(self) -> dict[str, Any]:
        """What the trained encoder depends on, as plain values: neither the folder, nor what is shown or saved."""
        return {name: value for name, value in self.to_dict().items() if name not in WITHOUT_EFFECT}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PretrainSettings:
        """The settings whose `to_dict` gave these values; where a user's own module was trained, without an encoder."""
        known = {one.name for one in fields(cls)}
        plain = {name: value for name, value in values.items() if name in known}
        plain["out"] = Path(plain["out"])
        plain["encoder"] = EncoderSettings(**plain.get("encoder", {}))
        plain["reading"] = ReadingSettings.from_dict(plain.get("reading", {}))
        plain["method_details"] = MethodSettings(**plain["method_details"])
        plain |= {name: tuple(plain[name]) for name in ("monitors", "logger")}  # JSON gives lists
        return cls(**plain)


DABS: dict[str, Any] = {  # every setting of a pretraining that is the benchmark's and not the default
    "steps": 100_000,
    "learning_rate": 1e-4,
    "schedule": "constant",
    "warmup": 0.0,
    "encoder": BENCHMARK_ENCODER,
    "method_details": MethodSettings(at="embeddings", bins=8, temperature=0.2, projection=128, corrupted=0.15),
}


def defaults_of(protocol: Protocol, *, faithful: bool = False) -> dict[str, Any]:
    """The settings of a pretraining that a protocol changes; the benchmark's with the errors of its code, if wanted."""
    changed = dict(DABS) if protocol == "dabs" else {}
    if changed and faithful:
        changed["method_details"] = replace(changed["method_details"], mixture_weights="batch")
    return {"protocol": protocol, **changed}
