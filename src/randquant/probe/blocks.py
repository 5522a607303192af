"""Test samples and their score in, what each block of them adds out: what an interval over test groups is made from.

A block is some whole groups, so that resampling blocks never parts what belongs together; there are at most 100, and
they are the same for every method and seed, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from randquant.data import Samples
from randquant.quantize.draw import Draws

PartScore = Callable[[NDArray[np.bool_]], float]  # which test samples, bool [N], in; the score of them alone out
MOST = 100


def blocks_of(samples: Samples) -> NDArray[np.int64]:
    """The block of each sample, from 0: [N]."""
    groups = samples.ids if samples.groups is None else samples.groups
    names, places = np.unique(groups.numpy(), return_inverse=True)
    drawn = Draws(0, 0, torch.from_numpy(names)).permutation("blocks").numpy() % MOST
    numbered: NDArray[np.int64] = np.unique(drawn[places], return_inverse=True)[1]
    return numbered


def sizes(blocks: NDArray[np.int64]) -> list[int]:
    """How many samples each block has."""
    return [int(count) for count in np.bincount(blocks)]


def added(score: PartScore, blocks: NDArray[np.int64]) -> list[float]:
    """What each block adds to the score of all, in samples named right or what is worth as much.

    That is N times the score of all N samples, less N - n times the score without the n of the block. Of an accuracy
    it is exactly the number named right in the block; of a correlation or an area under a curve, which is no mean over
    samples, it is the jackknife's pseudo-value times n, so that the same interval can be made from it. Where a block
    has the only sample of a finding, the area without it is that of the other findings, and the interval wider for it.

    Source: F. Busing, E. Meijer and R. van der Leeden, "Delete-m Jackknife for Unequal m", Statistics and Computing 9,
    1999.
    """
    count, whole = len(blocks), score(np.ones(len(blocks), dtype=bool))
    left = [blocks != block for block in range(int(blocks.max()) + 1)]
    return [round(count * whole - (rows.sum() * score(rows) if rows.any() else 0.0), 6) for rows in left]
