"""Samples as tensors: a batch, and a data set whose parts are batches held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from randquant.spec import Spec


class Batch(NamedTuple):
    """Some samples, one row each.

    Attributes:
        ids: int64 [B]; a sample's own number, unique in its data set: all randomness is keyed by it.
        inputs: one tensor an input of the spec, [B, ...] each.
        target: labels [B] or [B, size], or None where there are none.
    """

    ids: Tensor
    inputs: tuple[Tensor, ...]
    target: Tensor | None = None

    def take(self, rows: Tensor | slice) -> Batch:
        """The samples in these rows, by int64 [K] or by slice."""
        target = None if self.target is None else self.target[rows]
        return Batch(self.ids[rows], tuple(one[rows] for one in self.inputs), target)


@dataclass(frozen=True)
class Dataset:
    """A data set in memory.

    Attributes:
        name: its name in the catalogue, or its path.
        spec: what a sample is.
        parts: samples by part; "train" is always there, "test" where labels are to be predicted.
        classes: a word for each class, in the order of the class numbers.
        domain: "images", "speech", …, as in the published table; "" for a user's own data.
    """

    name: str
    spec: Spec
    parts: dict[str, Batch]
    classes: tuple[str, ...] = ()
    domain: str = ""
