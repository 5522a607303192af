"""Samples as tensors: a batch, and a data set whose parts are held in memory or read as they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.spec import Spec

if TYPE_CHECKING:
    from randquant.data.own import Own

Metric = Literal["accuracy", "pearson", "spearman", "auroc_macro"]


class Batch(NamedTuple):
    """Some samples, one row each.

    Attributes:
        ids: int64 [B]; a sample's own number, unique in its data set: all randomness is keyed by it.
        inputs: one tensor an input of the spec, [B, ...] each.
        target: labels [B] or [B, size], or None where there are none.
        groups: int64 [B]; samples of one group, such as a speaker or a patient, stand in one part. None where every
            sample is a group of its own.
    """

    ids: Tensor
    inputs: tuple[Tensor, ...]
    target: Tensor | None = None
    groups: Tensor | None = None

    def take(self, rows: Tensor | slice) -> Batch:
        """The samples in these rows, by int64 [K] or by slice."""
        target = None if self.target is None else self.target[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Batch(self.ids[rows], tuple(one[rows] for one in self.inputs), target, groups)

    def to(self, device: torch.device) -> Batch:
        """The same samples on a device."""
        target, groups = (None if one is None else one.to(device) for one in (self.target, self.groups))
        return Batch(self.ids.to(device), tuple(one.to(device) for one in self.inputs), target, groups)


class Samples(Protocol):
    """Samples that can be taken by their rows: a `Batch`, which is in memory, or whatever reads them from files.

    A reader is copied to worker processes, so it can be pickled, and it opens its files when it reads.
    """

    @property
    def ids(self) -> Tensor:
        """int64 [N], each sample's own number, unique in its data set."""
        ...

    @property
    def target(self) -> Tensor | None:
        """Labels [N] or [N, size], or None where there are none."""
        ...

    @property
    def groups(self) -> Tensor | None:
        """int64 [N], or None where every sample is a group of its own."""
        ...

    def take(self, rows: Tensor) -> Batch:
        """The samples in these rows, int64 [K], on the CPU."""
        ...


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        name: its name in the catalogue, or its path.
        spec: what a sample is.
        parts: samples by part; "train" is always there, "test" where labels are to be predicted.
        classes: a word for each class, in the order of the class numbers.
        domain: "images", "speech", …, as in the published table; "" for a user's own data.
        metric: what predictions of the target are scored by.
        synthetic: whether its samples are made up, which every table says.
        words: a word for each symbol of its `Tokens` inputs, where they share one vocabulary and it is known.
        own: what was inferred of a path; None for a data set of the catalogue.
        batch: samples of a batch unless something else is said; the DABS benchmark's for its sets.
    """

    name: str
    spec: Spec
    parts: Mapping[str, Samples]
    classes: tuple[str, ...] = ()
    domain: str = ""
    metric: Metric = "accuracy"
    batch: int = 128
    synthetic: bool = False
    words: tuple[str, ...] = ()
    own: Own | None = None

    @property
    def title(self) -> str:
        """What a page calls it: its name, or the last part of its path."""
        return self.name if self.own is None or self.own.path is None else self.own.path.name

    @property
    def spectrograms(self) -> bool:
        """Whether grids of two dimensions are spectrograms: pitches from low to high, by moments."""
        return self.domain == "speech" if self.own is None else self.own.form.kind == "sounds"

    def called(self, number: int) -> str:
        """What the sample of this id is called: by its own name, or by its number."""
        names = None if self.own is None else self.own.names
        name = str(number) if names is None else names[number]
        return f"sample {name}" if name.isdecimal() else name

    def measured(self, batch: Batch) -> Batch:
        """Samples to look at: grids of a path as they were before they were scaled; others as they are."""
        return batch if self.own is None else batch._replace(inputs=self.own.measured(batch.inputs))

    def check_classes(self, argument: str, spec: Spec | None = None) -> None:
        """Refuse this data set where classes are to be told.

        Args:
            argument: what named it, as the error says.
            spec: of an encoder, whose inputs this set must have; None for any.

        Raises:
            UserError: it has no classes, or other inputs than the encoder takes.
        """
        if self.spec.target is None or self.spec.target.kind != "class":
            kind = "no labels" if self.spec.target is None else f"a target of kind {self.spec.target.kind}"
            raise UserError(f"{argument}: {self.name} has {kind}; give a data set whose target is a class")
        if spec is not None and self.spec.inputs != spec.inputs:
            raise UserError(
                f"{argument}: {self.name} has inputs {self.spec.inputs}, but the encoder takes {spec.inputs}"
            )

    def held(self, part: str) -> Batch:
        """The samples of a part, which is in memory.

        Raises:
            UserError: there is no such part, or it is read from files sample by sample.
        """
        samples = self.parts.get(part)
        if not isinstance(samples, Batch):
            lack = "has no" if samples is None else "is too large to hold in memory its"
            raise UserError(f"data: {self.name} {lack} {part} part, which is needed here")
        return samples
