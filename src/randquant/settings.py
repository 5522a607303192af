"""What a user may set, as frozen dataclasses; the command line is generated from them, their docstrings are its help.

Nothing here loads torch.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tyro.conf import Positional, arg

from randquant.errors import UserError

Pooling = Literal["masked", "all"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["32", "bf16", "16"]
Schedule = Literal["constant", "cosine"]
Place = Literal["input", "embeddings", "both"]
Views = Literal["both", "one"]
Gradient = Literal["range", "straight_through", "none"]
MixtureWeights = Literal["sample", "batch"]
Optimizer = Literal["adamw", "sgd", "lars"]
Decay = Literal["all", "matrices"]
Logger = Literal["tensorboard", "wandb"]
Protocol = Literal["default", "dabs"]
Suite = Literal["mini", "dabs"]
DataAction = Literal["list", "info", "get", "check"]

WITHOUT_EFFECT = (  # on the trained encoder
    "out", "workers", "log_every", "watch_every", "save_every", "save_minutes", "keep", "monitor", "logger",
    "resume", "quiet",
)  # fmt: skip


def _check(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"{name}: got {value}, must be at least {least}")


def _check_choices(settings: object) -> None:
    """Refuse a word that a setting does not know; the command line does so by itself, Python does not."""
    for name, hint in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise UserError(f"{name}: got {value!r}, must be one of: {', '.join(map(str, get_args(hint)))}")
        if get_origin(hint) is tuple and isinstance(value, str):
            raise UserError(f"{name}: got {value!r}, must be a tuple of names, such as ({value!r},)")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The sizes of the domain-agnostic transformer."""

    width: int = 96
    """Numbers in a feature, and in every token."""
    depth: int = 3
    """Transformer blocks."""
    heads: int = 4
    """Attention heads."""
    head_width: int = 24
    """Numbers in a head's queries, keys and values."""
    mlp_width: int = 192
    """Hidden units of a block's MLP."""
    dropout: float = 0.0
    """Share of numbers dropped in the embedding, the attention's output and the MLP."""
    pooling: Pooling = "masked"
    """masked: padding is neither attended to nor averaged; all: it is both, as in the DABS benchmark."""
    final_norm: bool = True
    """End with a LayerNorm; the DABS benchmark has none."""

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("width", "depth", "heads", "head_width", "mlp_width"):
            _check(name, getattr(self, name), 1)
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout: got {self.dropout}, must be at least 0 and below 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderSettings:
        """The settings whose `to_dict` gave these values."""
        return cls(**values)


BENCHMARK_ENCODER = EncoderSettings(
    width=256, depth=12, heads=8, head_width=64, mlp_width=512, dropout=0.1, pooling="all", final_norm=False
)


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """What the self-supervised methods and their partners may be told; each reads what concerns it."""

    bins: int = 8
    """Bins of randomized quantization."""
    at: Place = "input"
    """What rq quantizes: the input, its embeddings, or both; embeddings are those of randquant's own transformer."""
    quantized_views: Views = "both"
    """Whether rq makes both views of a sample, or one: then the other goes without it."""
    gradient: Gradient = "range"
    """What passes through a quantized embedding: the gradient of its channel's range, all of it, or none."""
    crop_smallest: float = 0.5
    """crop: the smallest share of a grid's side that is kept."""
    shift_largest: float = 0.25
    """shift: the largest share of a grid's side by which it is moved round."""
    mask_share: float = 0.5
    """mask: the share of a sample's embeddings that are set to 0."""
    corrupted: float = 0.15
    """shed, mae and capri: the share of a sample's embeddings that are moved or set to 0."""
    mixture_weights: MixtureWeights = "sample"
    """emix: weight each sample's loss by its own share, or by the mean over the batch, as the DABS benchmark's code."""
    temperature: float = 0.2
    """Temperature of the contrastive losses; the ImageNet recipes have 1 for mocov3 and 0.1 for simclr."""
    projection: int = 128
    """Width of the projection head's output; the ImageNet recipe of mocov3 and byol has 256."""
    hidden: int = 512
    """Hidden width of the heads of mocov3, byol, simsiam and simclr; the ImageNet recipes have 2048 or 4096."""
    momentum: float = 0.99
    """mocov3 and byol: how much of the momentum encoder a step keeps at first; it rises to 1 as half a cosine."""

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("bins", "projection", "hidden"):
            _check(name, getattr(self, name), 1)
        for name in ("crop_smallest", "shift_largest"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and at most 1")
        for name in ("mask_share", "corrupted"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and below 1")
        if not 0 <= self.momentum <= 1:
            raise UserError(f"momentum: got {self.momentum}, must be at least 0 and at most 1")
        if not 0 < self.temperature < math.inf:
            raise UserError(f"temperature: got {self.temperature}, must be above 0 and finite")


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Train an encoder on unlabelled data and leave it in a run directory."""

    data: Positional[str]
    """A data set of the catalogue, such as digits."""
    method: str = "rq"
    """none, rq, emix, shed, mae, capri, imix, mocov3, byol, simsiam or simclr, after partners: crop+rq, rq+byol."""
    out: Path
    """The run directory to make."""
    protocol: Protocol = "default"
    """dabs: every other setting is the DABS benchmark's unless it is named; docs/dabs.md says which."""
    dabs_faithful: bool = False
    """Keep the errors of the DABS benchmark's own code in a data set, where published figures depend on them."""
    steps: int = 600
    """Optimizer steps."""
    batch: int = 0
    """Samples that a loss sees, those of all processes together; they are each other's negatives, so at least 2. 0 is
    the data set's own number: the DABS benchmark's for its sets, 128 for others."""
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
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    """The encoder's sizes."""
    method_details: MethodSettings = field(default_factory=MethodSettings)
    """The method's settings."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or 16 bits."""
    compile: bool = False
    """Compile the encoder's blocks, which takes a minute and needs a C++ compiler."""
    workers: int = 2
    """Processes that read samples from files; data in memory needs none."""
    monitor: tuple[str, ...] = ()
    """Labelled data sets on which neighbours and a linear head are tried while the encoder trains."""
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
        _check_choices(self)
        _check("seed", self.seed, 0)
        if self.batch != 0:
            _check("batch", self.batch, 2)
        _check("workers", self.workers, 0)
        for name in ("steps", "accumulate", "log_every", "watch_every", "save_every", "keep"):
            _check(name, getattr(self, name), 1)
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
        return {**asdict(self), "out": str(self.out)}

    def decisive(self) -> dict[str, Any]:
        """What the trained encoder depends on, as plain values: neither the folder, nor what is shown or saved."""
        return {name: value for name, value in self.to_dict().items() if name not in WITHOUT_EFFECT}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PretrainSettings:
        """The settings whose `to_dict` gave these values."""
        known = {one.name for one in fields(cls)}
        plain = {name: value for name, value in values.items() if name in known}
        plain["out"] = Path(plain["out"])
        plain["encoder"] = EncoderSettings(**plain["encoder"])
        plain["method_details"] = MethodSettings(**plain["method_details"])
        plain |= {name: tuple(plain[name]) for name in ("monitor", "logger")}  # JSON gives lists
        return cls(**plain)


DABS = {  # every setting of a pretraining that is the benchmark's and not the default
    "steps": 100_000,
    "learning_rate": 1e-4,
    "schedule": "constant",
    "warmup": 0.0,
    "encoder": BENCHMARK_ENCODER,
    "method_details": MethodSettings(at="embeddings", bins=8, temperature=0.2, projection=128, corrupted=0.15),
}


def defaults_of(protocol: Protocol) -> dict[str, Any]:
    """The settings of a pretraining that a protocol changes."""
    return {"protocol": protocol, **(DABS if protocol == "dabs" else {})}


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Probe frozen features, beside the samples themselves and a random encoder: what plain heads read from them."""

    run: Positional[str]
    """A run directory; random or raw for the two plain rows alone."""
    task: Positional[tuple[str, ...]]
    """Data sets with labels, such as digits."""
    seed: int = 0
    """Names the validation part, the draws of the few labels, and the weights of a random encoder."""
    draws: int = 5
    """How many times the few labels are drawn."""
    protocol: Protocol = "default"
    """dabs: the DABS benchmark's own linear head, with all labels."""
    dabs_faithful: bool = False
    """Keep the errors of the DABS benchmark's own code in a data set, where published figures depend on them."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    quiet: bool = False
    """No table."""

    def __post_init__(self) -> None:
        _check("seed", self.seed, 0)
        _check("draws", self.draws, 1)
        if not self.task:
            raise UserError("task: got none, needs a data set with labels, such as digits")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """List the data sets of the catalogue, tell about some, fetch them, or check their files.

    They lie in the folder that RANDQUANT_DATA names, or in ~/.cache/randquant. A set is present once its own folder
    there is not empty. check exits with 1 where something is broken and with 2 where a set is missing.
    """

    action: Positional[DataAction]
    """list; info, get or check, before names."""
    names: Positional[tuple[str, ...]] = ()
    """Data sets of the catalogue, such as digits; mini or dabs for all of that suite."""
    all: bool = False
    """check reads every sample, not 64 of each part."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        if self.action == "list" and self.names:
            raise UserError(
                f"names: got {' '.join(self.names)}, but list takes none; info tells about single data sets"
            )
        if self.action != "list" and not self.names:
            raise UserError(
                f"names: got none, but {self.action} needs a data set, such as digits (randquant data list)"
            )
        if self.all and self.action != "check":
            raise UserError(f"all: {self.action} takes no --all, which is for check")


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings:
    """Train a run's encoder on with labels, beside the same encoder from scratch and the samples themselves."""

    run: Positional[Path]
    """A run directory."""
    data: Positional[str]
    """A data set whose target is a class, such as digits."""
    out: Path | None = None
    """A folder to make, for the results, and the encoder and head that all labels have trained."""
    steps: int = 300
    """Optimizer steps at most; with too few labels for a validation part, exactly."""
    batch: int = 64
    """Samples in a step; all of them where fewer are labelled."""
    learning_rate: float = 1e-3
    """The head's peak learning rate."""
    layer_decay: float = 0.75
    """What the rate is multiplied by from a layer to the one before it; the embeddings' is the smallest."""
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
    """Arithmetic of the training step: 32, or mixed with bf16 or 16 bits."""
    quiet: bool = False
    """No progress and no table."""

    def __post_init__(self) -> None:
        _check_choices(self)
        _check("seed", self.seed, 0)
        for name in ("steps", "batch", "evaluate_every", "patience", "draws"):
            _check(name, getattr(self, name), 1)
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
        return {**asdict(self), "run": str(self.run), "out": None if self.out is None else str(self.out)}

    def decisive(self) -> dict[str, Any]:
        """What the results depend on, as plain values: neither the folder, nor what is shown."""
        return {name: value for name, value in self.to_dict().items() if name not in WITHOUT_EFFECT}


@dataclass(frozen=True, kw_only=True)
class QuickstartSettings:
    """Train by e-Mix, RQ and crop + RQ on real digits, probe the features, and write a report."""

    out: Path = Path("runs/quickstart")
    """The folder for results, runs and report. What is finished there is not done again."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Everything is done from so many seeds; the spread over them goes into the table."""
    steps: int = PretrainSettings.steps
    """Optimizer steps of each training."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        _check("seed", self.seed, 0)
        _check("seeds", self.seeds, 1)
        _check("steps", self.steps, 1)


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """Pretrain by several methods and probe every task of a suite; the random encoder and the raw input stand beside.

    What is finished in the folder is not done again; a cell that fails is recorded and the others go on.
    """

    suite: Suite = "mini"
    """mini: real data that packages carry, on a laptop; dabs: the 34 tasks of the DABS benchmark under its protocol."""
    methods: str = "emix,rq"
    """The methods, with commas between them; none and raw are always there."""
    tasks: str = ""
    """The tasks, with commas between them; by default all of the suite."""
    out: Path = Path("runs/bench")
    """The folder for results, runs and report."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Everything is done from so many seeds."""
    steps: int = 0
    """Optimizer steps of each training; 0 is the suite's number: 600 for mini, 100,000 for dabs."""
    shard: str = "1/1"
    """2/5 does the second fifth of the cells; machines that share the folder each do one."""
    dabs_faithful: bool = False
    """Keep the errors of the DABS benchmark's own code in the data sets, where published figures depend on them."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or 16 bits; the DABS benchmark's is 16."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        _check("seed", self.seed, 0)
        _check("seeds", self.seeds, 1)
        _check("steps", self.steps, 0)
        number, _, count = self.shard.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise UserError(f"shard: got {self.shard!r}, must be i/n with i from 1 to n, such as 2/5")


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """Write the page of a folder of results again."""

    folder: Positional[Path]
    """What quickstart left."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The page; by default report.html in the folder."""
