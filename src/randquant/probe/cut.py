"""Labels and groups of a training part in; its pool and its validation part, as row numbers, out.

The penalty of a head and the end of a training are chosen on the validation part, a fifth. Samples of one group, such
as a subject, a page or a picture with two captions, are so alike that they stand on one side; where samples have no
groups, every class gives a fifth of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.errors import UserError

Labels = NDArray[np.int64]
Groups = NDArray[np.int64]
Rows = NDArray[np.int64]

VALIDATION = 5  # one in so many


def cut(labels: Labels, seed: int, groups: Groups | None = None) -> tuple[Rows, Rows]:
    """The pool that labels are drawn from, and the validation part.

    Args:
        labels: classes [N].
        seed: names the cut.
        groups: [N]; None where every sample is one of its own. A group that is alone in showing a class stays in the
            pool. Where there is none to hold out, samples are held out instead.

    Raises:
        UserError: no class has enough samples.
    """
    found = _by_groups(groups, seed, np.unique(labels, return_inverse=True)[1])
    if found is not None:
        return found
    rng = np.random.default_rng(seed)
    pool, held_out = [], []
    for value in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == value))
        held_out.append(order[: len(order) // VALIDATION])
        pool.append(order[len(order) // VALIDATION :])
    if not any(len(part) for part in held_out):
        raise UserError(
            f"labels: the largest class of the training part has {max(map(len, pool))} samples; "
            f"at least {VALIDATION} are needed to choose the penalty on a validation part"
        )
    return np.sort(np.concatenate(pool)), np.sort(np.concatenate(held_out))


def cut_values(count: int, seed: int, groups: Groups | None = None) -> tuple[Rows, Rows]:
    """The same for targets that are no classes, of `count` samples: the pool and the validation part."""
    found = _by_groups(groups, seed, np.zeros(count, dtype=np.int64))
    if found is not None:
        return found
    order = np.random.default_rng(seed).permutation(count)
    held_out, pool = np.split(order, [max(1, count // VALIDATION)])
    return pool, held_out


def _by_groups(groups: Groups | None, seed: int, classes: Labels) -> tuple[Rows, Rows] | None:
    """Whole groups in a random order until a fifth is held out, and never more than half; None where that cannot be.

    Args:
        classes: numbers from 0 [N]; the pool keeps samples of each.
    """
    if groups is None:
        return None
    names, places = np.unique(groups, return_inverse=True)
    if len(names) == len(groups):
        return None
    members: list[Any] = np.split(np.argsort(places, kind="stable"), np.cumsum(np.bincount(places))[:-1])
    left, held_out = np.bincount(classes), np.zeros(len(groups), dtype=bool)
    for group in np.random.default_rng(seed).permutation(len(names)):
        if held_out.sum() * VALIDATION >= len(groups):
            break
        own = members[group]
        less = left - np.bincount(classes[own], minlength=len(left))
        if less.min() > 0 and less.sum() * 2 >= len(groups):
            left, held_out[own] = less, True
    return (np.flatnonzero(~held_out), np.flatnonzero(held_out)) if held_out.any() else None
