"""Test samples and what was named right in, counts a block out: what an interval over test groups is made from.

A block is some whole groups, so that resampling blocks never parts what belongs together; there are at most 100, and
they are the same for every method and seed, so that differences are paired.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from randquant.data import Samples
from randquant.quantize.draw import Draws

MOST = 100


def blocks_of(samples: Samples) -> NDArray[np.int64]:
    """The block of each sample, from 0: [N]."""
    groups = samples.ids if samples.groups is None else samples.groups
    names, places = np.unique(groups.numpy(), return_inverse=True)
    drawn = Draws(0, 0, torch.from_numpy(names)).permutation("blocks").numpy() % MOST
    numbered: NDArray[np.int64] = np.unique(drawn[places], return_inverse=True)[1]
    return numbered


def counted(right: NDArray[np.bool_], blocks: NDArray[np.int64]) -> list[int]:
    """How many samples of each block were named right."""
    return [int(count) for count in np.bincount(blocks, weights=right, minlength=int(blocks.max()) + 1)]
