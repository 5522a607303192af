"""Result lines of a probe in, one sentence out: with how many labels pretraining paid, and with how many it did not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any


def verdict(lines: Sequence[Mapping[str, Any]], method: str) -> str:
    """Compare the encoder's best head with the best head of any plain row, for each number of labels.

    A mean difference is not clear where it is within its standard deviation over draws and folds; a single one, where
    it is within the standard error of the difference between two shares of so many samples.

    Args:
        lines: of one task, of the plain rows `raw` and `none` and of `method`.
        method: the row that was pretrained.
    """
    values: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        values[line["labels"]][line["method"], line["head"]].append(line["value"])
    said: dict[str, list[str]] = {"paid": [], "did not pay": [], "made no clear difference": []}
    for labels, rows in values.items():
        own = max((row for row in rows if row[0] == method), key=lambda row: fmean(rows[row]))
        plain = max((row for row in rows if row[0] != method), key=lambda row: fmean(rows[row]))
        gaps = [100 * (one - other) for one, other in zip(rows[own], rows[plain], strict=True)]
        gap, spread = fmean(gaps), stdev(gaps) if len(gaps) > 1 else _error(rows[plain][0], lines[0]["samples"])
        outcome = "made no clear difference" if abs(gap) <= spread or gap == 0 else "paid" if gap > 0 else "did not pay"
        count = "all labels" if labels == "all" else f"{labels} label{'' if labels == '1' else 's'} a class"
        said[outcome].append(
            f"{count} ({_told(rows, own)}, against {100 * fmean(rows[plain]):.1f} of {_NAMES[plain[0]]}, {plain[1]})"
        )
    found = "; ".join(f"{outcome} with {', '.join(some)}" for outcome, some in said.items() if some)
    return f"Pretraining {found}."


_NAMES = {"raw": "the raw input", "none": "the random encoder"}


def _error(share: float, samples: int) -> float:
    """The standard error, in points, of the difference between two shares of about this size."""
    return 100 * math.sqrt(2 * share * (1 - share) / samples)


def _told(rows: Mapping[tuple[str, str], Sequence[float]], row: tuple[str, str]) -> str:
    return f"{100 * fmean(rows[row]):.1f} by {row[1]}"
