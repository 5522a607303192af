"""Labels in, which of them a training is given out: 1, 5 and 20 a class, drawn several times, and all.

They are the few labels that the probe draws from the same seed. A fifth of what is given, of at least 5 labels a class,
is the validation part, cut as the probe's is; with fewer there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from randquant.probe.cut import VALIDATION, Groups, Labels, cut
from randquant.probe.score import FEW, draw_few


class Labelled(NamedTuple):
    """The labels of one training.

    Attributes:
        name: "1", "5", "20" or "all".
        draw: which draw of the few labels; 0 where all are given.
        teaching, validation: rows of the training part; of the latter there may be none.
    """

    name: str
    draw: int
    teaching: Labels
    validation: Labels

    @property
    def rows(self) -> Labels:
        """All of them."""
        return np.concatenate([self.teaching, self.validation])


def labelled(labels: Labels, seed: int, draws: int, groups: Groups | None = None) -> Iterator[Labelled]:
    """The labels of every training, few labels first.

    Args:
        labels: whole numbers [N], of the training part.
        seed: names the draws and the validation parts.
        draws: how many times the few labels are drawn.
        groups: of the samples, [N], which stand on one side of every cut; None where each is one of its own.

    Raises:
        UserError: no class has enough samples for a validation part of all labels.
    """
    pool, held_out = cut(labels, seed, groups)
    for count, draw in product(FEW, range(draws)):
        rows = draw_few(labels, pool, count, np.random.default_rng([seed, count, draw]))
        teaching, validation = np.arange(len(rows)), np.arange(0)
        if np.bincount(labels[rows]).max() >= VALIDATION:
            teaching, validation = cut(labels[rows], seed, None if groups is None else groups[rows])
        yield Labelled(str(count), draw, rows[teaching], rows[validation])
    yield Labelled("all", 0, pool, held_out)
