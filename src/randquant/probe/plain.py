"""Samples in, the plain features of both parts out: what can be read off a sample without any encoder.

A small grid or table gives its values as they are. A large grid is averaged down to at most 1,024 places and 3 x 1,024
values. Symbols are counted, in 1,024 columns, and weighed by how rare they are in the training part (TF-IDF).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from randquant.data import Samples
from randquant.probe.score import Features
from randquant.spec import Grid, Input, Tokens

LARGEST = 4096  # values of a grid that are taken as they are
COLUMNS = 1024  # of counted symbols, and places of a grid that is averaged
_ROWS = 256  # samples read at a time
_SHRINK: dict[int, Any] = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_SIDES = {1: (COLUMNS,), 2: (32, 32), 3: (10, 10, 10)}


def plain(inputs: tuple[Input, ...], train: Samples, test: Samples) -> tuple[Features, Features]:
    """The plain features [N, D] of a training and a test part."""
    parts = [[np.concatenate(one) for one in zip(*_read(inputs, part), strict=True)] for part in (train, test)]
    for place, one in enumerate(inputs):
        if isinstance(one, Tokens):
            seen = (parts[0][place] > 0).sum(axis=0)  # [COLUMNS], training samples that hold the symbol
            rarity = np.log((1 + len(parts[0][place])) / (1 + seen)) + 1
            for part in parts:
                weighed = part[place] * rarity
                length = np.linalg.norm(weighed, axis=1, keepdims=True)
                part[place] = np.divide(weighed, length, out=weighed, where=length > 0).astype(np.float32)
    first, second = (np.hstack(part) for part in parts)
    return first, second


def _read(inputs: tuple[Input, ...], samples: Samples) -> Iterator[list[Features]]:
    """What each input gives, some samples at a time."""
    for rows in torch.split(torch.arange(len(samples.ids)), _ROWS):
        values = samples.take(rows).inputs
        yield [_plain(one, of_one).numpy() for one, of_one in zip(inputs, values, strict=True)]


def _plain(one: Input, values: Tensor) -> Tensor:
    """Values [B, ...] of one input to float32 [B, D]."""
    if isinstance(one, Tokens):
        counts = torch.zeros(len(values), COLUMNS)
        present = torch.ones_like(values) if one.padding is None else values != one.padding
        return counts.scatter_add_(1, values % COLUMNS, present.float())
    if one.gaps:  # what is missing says nothing: own data have a mean of 0
        values = values.masked_fill(values.isnan(), 0)
    if isinstance(one, Grid) and values[0].numel() > LARGEST:
        size = tuple(min(have, most) for have, most in zip(one.size, _SIDES[len(one.size)], strict=True))
        values = _SHRINK[len(one.size)](values, size)
    return values.flatten(1).float()
