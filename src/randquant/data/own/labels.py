"""A column of labels or groups in, numbers for them out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.batch import Metric
from randquant.data.own.stored import coded
from randquant.errors import UserError
from randquant.spec import Target

_CLASSES = 1000  # different whole numbers up to which they are classes


class Labels(NamedTuple):
    """What a column of labels says.

    Attributes:
        target: what a label is.
        metric: what predictions of it are scored by.
        values: of each sample, int64 or float32 [N]; meaningless where there is none.
        known: bool [N], whether there is one.
        classes: a word for each class.
    """

    target: Target
    metric: Metric
    values: Tensor
    known: NDArray[np.bool_]
    classes: tuple[str, ...]


def read_labels(values: NDArray[Any], name: str) -> Labels:
    """Classes from words, truths and whole numbers; numbers with a fraction are to be predicted as such.

    Raises:
        UserError: all labels are the same, or all cells are empty.
    """
    if values.dtype.kind == "O":
        known = np.array([one is not None for one in values], dtype=bool)
    else:
        known = np.isfinite(values.astype(np.float64)) if values.dtype.kind != "U" else np.ones(len(values), bool)
    there = values[known]
    codes, seen = coded(there)
    order = sorted(range(len(seen)), key=lambda code: (isinstance(seen[code], str), seen[code]))
    different = [seen[code] for code in order]
    if len(different) < 2:
        told = f"the same label throughout, {different[0]!r}" if different else "no label at all"
        raise UserError(f"label: column {name!r} has {told}; needs two at least")
    if values.dtype.kind == "f" and (len(different) > _CLASSES or (there % 1 != 0).any()):
        numbers = torch.from_numpy(np.where(known, values, 0).astype(np.float32))
        return Labels(Target("regression", 1), "pearson", numbers, known, ())
    classes = np.zeros(len(values), np.int64)
    classes[known] = np.argsort(order)[codes]
    words = tuple(str(int(one) if isinstance(one, float) else one) for one in different)
    return Labels(Target("class", len(words)), "accuracy", torch.from_numpy(classes), known, words)


def read_groups(values: NDArray[Any], name: str) -> tuple[Tensor, tuple[str, ...]]:
    """The number of each sample's group, int64 [N], and a word for each group.

    Raises:
        UserError: a cell is empty, or all are the same.
    """
    codes, different = coded(values)
    if any(one is None or one != one for one in different):
        raise UserError(f"group: column {name!r} has empty cells; each sample must be in a group")
    words, order = np.unique([str(one) for one in different], return_inverse=True)
    if len(words) < 2:
        raise UserError(f"group: column {name!r} says the same throughout, '{words[0]}'; needs two groups at least")
    return torch.from_numpy(order.astype(np.int64)[codes]), tuple(words.tolist())
