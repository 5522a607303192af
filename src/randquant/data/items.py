"""Positions in, decoded samples out: a part of a data set that lies in files and is read item by item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from randquant.data.batch import Batch

Read = Callable[[int], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Items:
    """Samples that are decoded when they are taken.

    Args:
        ids: int64 [N], each sample's own number, unique in its data set.
        read: the inputs of the sample at a position from 0 to N - 1, in the compact form that a cache keeps: uint8
            stands for values from 0 to 1, int32 for symbols, float32 for itself. It can be pickled, opens its files
            when it is called, and raises a UserError that names the file where one is broken.
        target: labels [N] or [N, size], or None where there are none.
        groups: int64 [N]; samples of one group, such as a speaker or a patient, stand in one part. None where every
            sample is a group of its own.
    """

    ids: Tensor
    read: Read
    target: Tensor | None = None
    groups: Tensor | None = None

    def take(self, rows: Tensor) -> Batch:
        """The samples in these rows, int64 [K]."""
        read = [self.read(row) for row in rows.tolist()]
        inputs = tuple(as_values(torch.stack(one)) for one in zip(*read, strict=True))
        target = None if self.target is None else self.target[rows]
        return Batch(self.ids[rows], inputs, target, None if self.groups is None else self.groups[rows])


def as_values(compact: Tensor) -> Tensor:
    """What the encoder takes, from what a cache keeps: bytes to float32 from 0 to 1, int32 to int64."""
    if compact.dtype == torch.uint8:
        return compact.float() / 255
    return compact.long() if compact.dtype == torch.int32 else compact
