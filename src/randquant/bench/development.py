"""A data set in, its training part cut in two out: what settings are chosen on, so that no test part is looked at."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from randquant.data import Dataset, Samples
from randquant.errors import UserError
from randquant.quantize.draw import Draws

SHARE = 5  # one sample of so many is for validation


def development(dataset: Dataset, seed: int) -> Dataset:
    """The same data set, whose test part is a fifth of its training part, drawn by key; the real one is not read.

    Whole groups stand on one side. Where groups are large the part is the first of them, in a random order, that make
    up a fifth or more.

    Raises:
        UserError: the training part is one group.
    """
    train = dataset.parts["train"]
    held_out = _held_out(train, seed)
    if held_out.all():
        raise UserError(f"data: {dataset.name} has one group in its training part, which cannot be cut in two")
    parts = {"train": train.take(torch.nonzero(~held_out)[:, 0]), "test": train.take(torch.nonzero(held_out)[:, 0])}
    return dataclasses.replace(dataset, parts=parts)


def _held_out(samples: Samples, seed: int) -> Tensor:
    """Which samples are for validation: bool [N]."""
    groups = samples.ids if samples.groups is None else samples.groups
    names, places, counts = np.unique(groups.numpy(), return_inverse=True, return_counts=True)
    order = Draws(seed, 0, torch.from_numpy(names)).permutation("development").numpy()
    before = counts[order].cumsum() - counts[order]  # samples in the groups before each
    chosen = np.zeros(len(names), dtype=bool)
    chosen[order] = before * SHARE < len(groups)
    return torch.from_numpy(chosen[places])
