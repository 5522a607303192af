"""Result lines in, one sentence out: with how many labels pretraining paid, and with how many not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

RAW, SCRATCH = "raw", "scratch"
_ALONE = "cannot be told from a single draw"


def sentence(lines: Sequence[Mapping[str, Any]], method: str) -> str:
    """Compare each draw's fine-tuned encoder with the one from scratch, which had the same labels.

    A mean difference is not clear where it is within its standard deviation over draws; a single one has none.

    Args:
        lines: of the methods `raw`, `scratch` and `method`.
        method: the row that was pretrained.
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))  # by labels and method
    for line in lines:
        values[line["labels"]][line["method"]].append(line["value"])
    verdicts: dict[str, list[str]] = {"paid": [], "cost accuracy": [], "not clearly": [], _ALONE: []}
    for labels, rows in values.items():
        gaps = [100 * (one - other) for one, other in zip(rows[method], rows[SCRATCH], strict=True)]
        gap = fmean(gaps)
        if len(gaps) == 1:
            verdicts[_ALONE].append(f"{_few(labels)} ({gap:+.1f})")
        else:
            spread = stdev(gaps)
            verdict = "not clearly" if abs(gap) <= spread else "paid" if gap > 0 else "cost accuracy"
            verdicts[verdict].append(f"{_few(labels)} ({gap:+.1f} ± {spread:.1f})")
    found = "; ".join(f"{verdict} with {', '.join(some)}" for verdict, some in verdicts.items() if some)
    ahead = [_few(labels) for labels, rows in values.items() if _plain_wins(rows)]
    plain = f" The plain row, raw, is ahead of both with {', '.join(ahead)}." if ahead else ""
    return f"Pretraining, in points over the same encoder from scratch with the same labels: {found}.{plain}"


def _plain_wins(rows: Mapping[str, Sequence[float]]) -> bool:
    return fmean(rows[RAW]) > max(fmean(some) for method, some in rows.items() if method != RAW)


def _few(labels: str) -> str:
    """ "1 label a class" or "all labels"."""
    return "all labels" if labels == "all" else f"{labels} label{'' if labels == '1' else 's'} a class"
