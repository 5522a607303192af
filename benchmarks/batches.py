"""Nothing in, the batches that are timed out: what they hold, of which dtype, and how they lie in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from randquant.quantize.scope import Scopes, scopes

IMAGES, CHANNELS_LAST, EMBEDDINGS, AUDIO = "images NCHW", "images channels-last", "embeddings BND", "audio BCL"

_CHANNEL_DIM = {IMAGES: 1, CHANNELS_LAST: 1, EMBEDDINGS: 2, AUDIO: 1}
_SHAPES = {  # kind: the shape that is measured, and that of a quick run
    IMAGES: ((64, 3, 224, 224), (4, 3, 32, 32)),
    CHANNELS_LAST: ((64, 3, 224, 224), (4, 3, 32, 32)),
    EMBEDDINGS: ((128, 197, 256), (4, 13, 24)),
    AUDIO: ((64, 2, 80_000), (4, 2, 500)),
}


@dataclass(frozen=True)
class Batch:
    """A line of the list; the same fields always make the same tensor."""

    kind: str
    dtype: torch.dtype
    quick: bool = False
    device: str = "cpu"

    @property
    def shape(self) -> tuple[int, ...]:
        return _SHAPES[self.kind][self.quick]

    @property
    def title(self) -> str:
        where = "" if self.device == "cpu" else f", {self.device}"
        return f"{self.kind} {self.shape} {str(self.dtype).removeprefix('torch.')}{where}"

    @property
    def main(self) -> bool:
        """Whether all contestants run on it."""
        return (self.kind, self.dtype) == (IMAGES, torch.float32)

    @property
    def output_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def work(self) -> Work:
        source = torch.Generator().manual_seed(0)
        if self.dtype.is_floating_point:
            x = torch.rand(self.shape, generator=source).to(self.dtype)
        else:
            x = torch.randint(0, 256, self.shape, generator=source, dtype=self.dtype)
        if self.kind == CHANNELS_LAST:
            x = x.contiguous(memory_format=torch.channels_last)
        x = x.to(self.device)
        channel_dim = _CHANNEL_DIM[self.kind]
        return Work(self.title, x, torch.zeros_like(x), channel_dim, scopes(x, channel_dim, 0, "channel"))


class Work(NamedTuple):
    """A batch in memory, and memory for a result: every page of both was touched."""

    title: str
    x: Tensor
    out: Tensor
    channel_dim: int
    layout: Scopes


MAIN = Batch(IMAGES, torch.float32)

BATCHES = [
    MAIN,
    Batch(IMAGES, torch.bfloat16),
    Batch(IMAGES, torch.uint8),
    Batch(CHANNELS_LAST, torch.float32),
    Batch(CHANNELS_LAST, torch.bfloat16),
    Batch(CHANNELS_LAST, torch.uint8),
    Batch(EMBEDDINGS, torch.float32),
    Batch(EMBEDDINGS, torch.bfloat16),
    Batch(AUDIO, torch.float32),
    Batch(AUDIO, torch.bfloat16),
]
