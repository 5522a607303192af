"""A batch in memory and R in, calls to be timed out: this operation and what it is compared with."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import oracle
import torch
from batches import Work
from torch import Tensor

from randquant import randomized_quantize
from randquant.quantize import draw, eager
from randquant.quantize.gradient import Drawn

SEED = 0  # of fractions that are drawn beforehand; correctness runs every call from it
BINS = (2, 4, 8, 16, 32, 64)
DENSE_BINS = (2, 4, 8, 16)  # (9R + 8) bytes an element: 5.6 GB for the first batch at R = 64

Call = Callable[[], Tensor]
Source = Literal["generator", "keys", "none"]


@dataclass(frozen=True)
class Contestant:
    """A row of the table.

    Attributes:
        prepare: a batch and R in, the call that is timed out. What it does itself is not timed.
        draws: for randomized quantization, where its numbers come from; "none" for anything else.
        bins: the R it runs at; none where bins play no part.
        main_only: whether it runs on the first batch alone.
        compiles: whether it needs a C++ compiler and minutes; its rounding is then the compiler's.
    """

    name: str
    prepare: Callable[[Work, int], Call]
    draws: Source = "none"
    bins: tuple[int, ...] = BINS
    main_only: bool = False
    compiles: bool = False


def fractions(work: Work, bins: int, keys: Tensor | None = None) -> draw.Fractions:
    """The draws of one call on the batch, from torch's default generator or from keys."""
    samples, channels, _ = work.layout.shape
    return draw.fractions(
        samples,
        channels,
        (bins, bins),
        uniform_edges=False,
        midpoint=False,
        p=1.0,
        shared=False,
        device=work.x.device,
        keys=keys,
    )


def seeded_fractions(work: Work, bins: int) -> draw.Fractions:
    """What a call draws right after the seed was set."""
    torch.manual_seed(SEED)
    return fractions(work, bins)


def sample_keys(work: Work) -> Tensor:
    """One key a sample: int64 [B]."""
    return torch.arange(work.x.shape[0], device=work.x.device)


def _fused(work: Work) -> tuple[str, str]:
    """The name and the module of the fused backend: named, so that no other can stand in for it."""
    return ("triton", "gpu.backend") if work.x.is_cuda else ("numba", "cpu.backend")


def _operation(work: Work, bins: int, *, backend: str | None = None, keyed: bool = False, fresh: bool = False) -> Call:
    settings: dict[str, Any] = {
        "channel_dim": work.channel_dim,
        "backend": backend or _fused(work)[0],
        "keys": sample_keys(work) if keyed else None,
        "out": None if fresh else work.out,
    }
    return partial(randomized_quantize, work.x, bins, **settings)


def _mapping(work: Work, bins: int) -> Call:
    backend = importlib.import_module(f"randquant.quantize.{_fused(work)[1]}")
    drawn = seeded_fractions(work, bins)

    def call() -> Tensor:
        Drawn(backend, work.layout, drawn, None, False, False, "none").write(work.x, work.out)
        return work.out

    return call


def _draws(work: Work, bins: int) -> Call:
    return lambda: fractions(work, bins).edges


def _compiled(work: Work, bins: int) -> Call:
    drawn, source, target = seeded_fractions(work, bins), work.layout.of(work.x), work.layout.of(work.out)
    compiled = torch.compile(eager.quantize, dynamic=False)

    def call() -> Tensor:
        compiled(source, target, drawn)
        return work.out

    return call


def _dense(work: Work, bins: int) -> Call:
    return lambda: oracle.dense_quantize(work.x, bins)


def _copy(work: Work, bins: int) -> Call:
    return lambda: work.out.copy_(work.x)


def _clone(work: Work, bins: int) -> Call:
    return lambda: work.x.clone()


def _augmentation(work: Work, bins: int, *, module: str, name: str, **settings: Any) -> Call:
    return partial(getattr(importlib.import_module(module), name)(**settings), work.x)


_torchvision = partial(_augmentation, module="torchvision.transforms.v2")
_kornia = partial(_augmentation, module="kornia.augmentation", p=1.0)
_JITTER: dict[str, Any] = {"name": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
_BLUR: dict[str, Any] = {"kernel_size": (23, 23), "sigma": (0.1, 2.0)}
_EIGHT_LEVELS: dict[str, Any] = {"name": "RandomPosterize", "p": 1.0}

COPY, CLONE, DENSE = "copy_", "clone()", "dense one-hot planes"
OUT, FRESH, DRAWS = "randquant, out=", "randquant, fresh output", "its draws alone"

CONTESTANTS = [
    Contestant(COPY, _copy, bins=()),
    Contestant(CLONE, _clone, bins=()),
    Contestant(OUT, _operation, "generator"),
    Contestant(FRESH, partial(_operation, fresh=True), "generator"),
    Contestant("randquant, keys, out=", partial(_operation, keyed=True), "keys"),
    Contestant("its mapping alone, out=", _mapping, "generator"),
    Contestant(DRAWS, _draws),
    Contestant("plain torch, out=", partial(_operation, backend="torch"), "generator"),
    Contestant("torch.compile of its mapping, out=", _compiled, "generator", main_only=True, compiles=True),
    Contestant(DENSE, _dense, "generator", DENSE_BINS, main_only=True),
    Contestant("torchvision ColorJitter", partial(_torchvision, **_JITTER), bins=(), main_only=True),
    Contestant(
        "torchvision GaussianBlur", partial(_torchvision, name="GaussianBlur", **_BLUR), bins=(), main_only=True
    ),
    Contestant("torchvision RandomPosterize", partial(_torchvision, **_EIGHT_LEVELS, bits=3), bins=(), main_only=True),
    Contestant("kornia ColorJitter", partial(_kornia, **_JITTER), bins=(), main_only=True),
    Contestant(
        "kornia RandomGaussianBlur", partial(_kornia, name="RandomGaussianBlur", **_BLUR), bins=(), main_only=True
    ),
    Contestant("kornia RandomPosterize", partial(_kornia, **_EIGHT_LEVELS, bits=(3, 3)), bins=(), main_only=True),
]
