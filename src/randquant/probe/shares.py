"""Two shares of some samples in, how far apart they must be so that luck is no explanation out."""

from __future__ import annotations

import math


def luck_between(one: float, other: float, samples: int) -> float:
    """Half the 95 % interval of the difference between two shares.

    A success and a failure are added to each, so that it does not vanish at 0 and 1 (Agresti and Caffo, The American
    Statistician 54, 2000). The shares are taken for those of different samples: of the same ones, which are easy or
    hard for both, the true interval is narrower.
    """
    shrunk = [(share * samples + 1) / (samples + 2) for share in (one, other)]
    return 1.96 * math.sqrt(sum(share * (1 - share) for share in shrunk) / (samples + 2))
