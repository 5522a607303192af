"""Result lines of a probe in, one sentence out: with how many labels pretraining paid, and with how many it did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from randquant.probe.shares import luck_between


def verdict(lines: Sequence[Mapping[str, Any]], method: str) -> str:
    """Compare the encoder's best head with the best head of any plain row, for each number of labels.

    A mean difference is clear where it is beyond its standard deviation over draws and folds, and beyond the 95 %
    interval of a difference between two shares of all samples that were tested.

    Args:
        lines: of one task, of the plain rows `raw` and `none` and of `method`.
        method: the row that was pretrained.
    """
    values: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        values[line["labels"]][_row(line)].append(line["value"])
    whole = [line for line in lines if line["labels"] == "all"]
    tested = sum(line["samples"] for line in whole if _row(line) == _row(whole[0]))  # over folds
    said: dict[str, list[str]] = {"paid": [], "did not pay": [], "made no clear difference": []}
    for labels, rows in values.items():
        own = max((row for row in rows if row[0] == method), key=lambda row: fmean(rows[row]))
        plain = max((row for row in rows if row[0] != method), key=lambda row: fmean(rows[row]))
        gaps = [100 * (one - other) for one, other in zip(rows[own], rows[plain], strict=True)]
        gap = fmean(gaps)
        luck = 100 * luck_between(fmean(rows[own]), fmean(rows[plain]), tested)
        clear = abs(gap) > max(luck, stdev(gaps) if len(gaps) > 1 else 0.0)
        outcome = "made no clear difference" if not clear else "paid" if gap > 0 else "did not pay"
        count = "all labels" if labels == "all" else f"{labels} label{'' if labels == '1' else 's'} a class"
        said[outcome].append(
            f"{count} ({_told(rows, own)}, against {100 * fmean(rows[plain]):.1f} of {_NAMES[plain[0]]}, {plain[1]})"
        )
    found = "; ".join(f"{outcome} with {', '.join(some)}" for outcome, some in said.items() if some)
    heads = [sum((row[0] == method) is own for row in {_row(line) for line in lines}) for own in (True, False)]
    return (
        f"Pretraining {found}. Set against each other are the best heads on these test samples, of {heads[0]} of the "
        f"encoder and of {heads[1]} of the plain rows, which favours the plain rows."
    )


_NAMES = {"raw": "the raw input", "none": "the random encoder"}


def _row(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["method"], line["head"]


def _told(rows: Mapping[tuple[str, str], Sequence[float]], row: tuple[str, str]) -> str:
    return f"{100 * fmean(rows[row]):.1f} by {row[1]}"
