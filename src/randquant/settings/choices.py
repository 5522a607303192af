"""The words that a setting may be, and the checks that settings make of themselves."""

from __future__ import annotations

from typing import Literal, get_args, get_origin, get_type_hints

from randquant.errors import UserError

Pooling = Literal["masked", "all"]
Stem = Literal["published", "small", "mocov3"]
HeadsFor = Literal["resnet", "vit"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["32", "bf16", "16"]
Schedule = Literal["constant", "cosine"]
Place = Literal["input", "embeddings", "both"]
Views = Literal["both", "one"]
Gradient = Literal["range", "straight_through", "none"]
Edges = Literal["random", "uniform", "quantile"]
BinValues = Literal["random", "midpoint"]
Scope = Literal["channel", "sample"]
MixtureWeights = Literal["sample", "batch"]
Optimizer = Literal["adamw", "sgd", "lars"]
Decay = Literal["all", "matrices"]
Logger = Literal["tensorboard", "wandb"]
Protocol = Literal["default", "dabs"]
Level = Literal["sample", "token"]
Suite = Literal["mini", "dabs"]
ExportFormat = Literal["safetensors", "onnx", "torchvision", "timm"]
Submit = Literal["no", "local", "slurm"]
DataAction = Literal["list", "info", "get", "check", "pack"]
RecipeAction = Literal["list", "show", "run"]
Scale = Literal["full", "tiny"]

_MOST_BINS = 4096  # a value moves by a 4096th of its range then, and each channel of each sample has so many numbers


def check_bins(value: int, least: int = 2) -> None:
    """Refuse numbers of bins that leave nothing of the values, or nearly all at a cost in memory."""
    if not least <= value <= _MOST_BINS:
        raise UserError(f"bins: got {value}, must be from {least} to {_MOST_BINS}")


def check_least(name: str, value: int, least: int) -> None:
    """Refuse a number below the least one that makes sense."""
    if value < least:
        raise UserError(f"{name}: got {value}, must be at least {least}")


def check_shard(shard: str) -> None:
    """Refuse what is no share of several machines' work."""
    number, _, count = shard.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"shard: got {shard!r}, must be i/n with i from 1 to n, such as 2/5")


def check_choices(settings: object) -> None:
    """Refuse a word that a setting does not know; the command line does so by itself, Python does not."""
    for name, hint in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise UserError(f"{name}: got {value!r}, must be one of: {', '.join(map(str, get_args(hint)))}")
        if get_origin(hint) is tuple and isinstance(value, str):
            raise UserError(f"{name}: got {value!r}, must be a tuple of names, such as ({value!r},)")
