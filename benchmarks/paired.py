"""Two calls in, the ratio of their times out, with its interval: they run in turn, in one process."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

_RESAMPLES = 2000


class Ratio(NamedTuple):
    """The median over rounds of one time divided by another's, and the 95 % interval of that median."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def percent(self) -> str:
        """The same as a share."""
        return f"{self.value:.2%} [{self.low:.2%}, {self.high:.2%}]"


class Rounds(NamedTuple):
    """Seconds of two calls, one pair a round."""

    first: list[float]
    second: list[float]

    def ratio(self) -> Ratio:
        """The first's time as a multiple of the second's."""
        return ratio_of([one / other for one, other in zip(self.first, self.second, strict=True)])


def in_turn(first: Callable[[], float], second: Callable[[], float], rounds: int) -> Rounds:
    """Run two calls that return their own seconds, in an order that changes from round to round.

    One round more than asked for is run, and the first forgotten: it warms up.
    """
    seconds = Rounds([], [])
    for number in range(rounds + 1):
        order = [(first, seconds.first), (second, seconds.second)]
        for call, taken in order if number % 2 else order[::-1]:
            took = call()
            if number:
                taken.append(took)
    return seconds


def ratio_of(ratios: Sequence[float]) -> Ratio:
    """The median of some ratios, and its interval by resampling the rounds."""
    drawn = np.random.default_rng(0).choice(np.asarray(ratios), (_RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return Ratio(statistics.median(ratios), float(low), float(high))
