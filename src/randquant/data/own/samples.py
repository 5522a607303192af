"""An opened path and its form in, samples by row out: held in memory where they are few, or else read when taken."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.batch import Batch, Samples
from randquant.data.own.form import Form
from randquant.data.own.source import Source

HELD = 1 << 28  # bytes of values up to which samples are held in memory
_ROWS = 256  # samples read at a time


@dataclass(frozen=True)
class Rows:
    """Samples that are read when they are taken.

    Args:
        source, form: what reads them, and what makes inputs of their raw values.
        ids: int64 [N], their rows in the source.
        target: labels, one a sample, or None.
        groups: int64 [N], or None.
    """

    source: Source
    form: Form
    ids: Tensor
    target: Tensor | None = None
    groups: Tensor | None = None

    def take(self, rows: Tensor) -> Batch:
        """The samples in these rows, int64 [K]."""
        raw = self.source.raw(self.ids[rows].tolist())
        inputs = tuple(form(one) for form, one in zip(self.form.inputs, raw, strict=True))
        target, groups = (None if one is None else one[rows] for one in (self.target, self.groups))
        return Batch(self.ids[rows], inputs, target, groups)


def hold(rows: Rows) -> Samples:
    """The same samples in memory, if they are few."""
    size = sum(math.prod(one.shape) * (4 if one.channels else 8) for one in rows.form.specs)
    if size * len(rows.ids) > HELD:
        return rows
    inputs: list[Tensor] = []
    for some in torch.split(torch.arange(len(rows.ids)), _ROWS):
        part = rows.take(some).inputs
        inputs = inputs or [one.new_empty(len(rows.ids), *one.shape[1:]) for one in part]
        for one, values in zip(inputs, part, strict=True):
            one[some] = values
    return Batch(rows.ids, tuple(inputs), rows.target, rows.groups)


def digests(samples: Samples) -> NDArray[np.uint64]:
    """A number for each sample that tells it from others, [N]: of its inputs alone, bit by bit."""
    found = []
    for some in torch.split(torch.arange(len(samples.ids)), _ROWS):
        total = np.zeros(len(some), np.uint64)
        for place, values in enumerate(samples.take(some).inputs):
            flat = values.flatten(1).contiguous()
            words = flat.numpy().view(np.uint32 if flat.dtype == torch.float32 else np.uint64).astype(np.uint64)
            weights = np.random.default_rng([7, place]).integers(1, 1 << 63, words.shape[1], dtype=np.uint64)
            odd = weights * np.uint64(2) + np.uint64(1)
            total += words @ odd + odd.sum(dtype=np.uint64)  # of (word + 1) * odd, modulo 2 to the 64th
        found.append(total)
    return np.concatenate(found)
