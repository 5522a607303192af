"""Result lines of two methods on a task in, their paired difference and its interval out.

Two things are uncertain: another seed would train another encoder, and another test part would hold other groups
(speakers, pages, pictures). For the second, blocks of whole groups are resampled, the same for both methods. Both parts
are widened by Student's t, since seeds are few and groups may be; they are independent, and their squares add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from randquant.report.results import Line

FEWEST_SEEDS = 3  # of a difference that is called decided
_RESAMPLES = 2000


@dataclass(frozen=True)
class Gap:
    """A paired difference over so many seeds, and its 95 % interval; None with one seed."""

    mean: float
    interval: tuple[float, float] | None
    seeds: int

    @property
    def decided(self) -> bool:
        """Whether there are seeds enough and the interval leaves out 0."""
        if self.interval is None or self.seeds < FEWEST_SEEDS:
            return False
        return self.interval[0] > 0 or self.interval[1] < 0


def paired(one: Sequence[Line], other: Sequence[Line]) -> Gap | None:
    """How far one method is ahead of another, over the seeds that both have; None where there is no such seed.

    Args:
        one, other: a line a seed each, or a line a fold, of one task, head and number of labels. Where all of them
            carry `blocks`, of the same samples, the interval covers other test groups too.
    """
    first, second = (_by_seed(lines) for lines in (one, other))
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    gaps = [float(first[seed]["value"]) - float(second[seed]["value"]) for seed in seeds]
    if len(gaps) < 2:
        return Gap(gaps[0], None, 1)
    half = _quantile(len(gaps)) * stdev(gaps) / len(gaps) ** 0.5
    counted = [line.get("blocks") or {} for seed in seeds for line in (first[seed], second[seed])]
    blocks: list[Mapping[str, Any]] = [one for one in counted if "added" in one]  # an earlier probe's have no such key
    if len(blocks) == len(counted) and _alike(blocks):
        pairs = zip(blocks[::2], blocks[1::2], strict=True)
        gained = np.mean([np.subtract(mine["added"], its["added"]) for mine, its in pairs], axis=0)
        half = float(np.hypot(half, _quantile(len(gained)) * _spread(gained, np.array(blocks[0]["samples"]))))
    return Gap(fmean(gaps), (fmean(gaps) - half, fmean(gaps) + half), len(gaps))


def _by_seed(lines: Sequence[Line]) -> dict[int, Line]:
    """A line a seed; where there are folds it has their mean, and no blocks."""
    folds: dict[int, list[Line]] = {}
    for line in lines:
        folds.setdefault(int(line["seed"]), []).append(line)
    return {
        seed: some[0] if len(some) == 1 else {"seed": seed, "value": fmean(float(line["value"]) for line in some)}
        for seed, some in folds.items()
    }


def _quantile(count: int) -> float:
    """How many standard errors, estimated from so many values, 95 % of their means lie within."""
    return float(student.ppf(0.975, count - 1))


def _alike(blocks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all count the same blocks, more than one; those of an older version of the data may be others."""
    samples = blocks[0]["samples"]
    return len(samples) > 1 and all(one["samples"] == samples for one in blocks)


def _spread(gained: NDArray[np.float64], samples: NDArray[np.int64]) -> float:
    """The standard deviation of a difference over test parts made of other blocks, without the bias of few blocks.

    Args:
        gained: what each block adds to the one method more than to the other, [blocks].
        samples: how many samples each block has, [blocks].
    """
    count, drawn = len(samples), _resamples(len(samples))
    return float(np.std((drawn @ gained) / (drawn @ samples)) * (count / (count - 1)) ** 0.5)


@lru_cache(maxsize=4)
def _resamples(count: int) -> NDArray[np.int64]:
    """How often each of so many blocks is in each resample, [resamples, blocks]; the same ones at every call."""
    return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), _RESAMPLES)
