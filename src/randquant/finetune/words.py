"""Result lines in, one sentence out: with how many labels pretraining paid, and with how many not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from randquant.probe.shares import luck_between

RAW, SCRATCH = "raw", "scratch"
_FEWEST = 3  # that something is told of


def sentence(lines: Sequence[Mapping[str, Any]], method: str) -> str:
    """Compare each draw's fine-tuned encoder with the one from scratch, which had the same labels.

    A mean difference is clear where it is beyond its standard deviation over draws, and beyond the 95 % interval of a
    difference between two shares of the test samples; of fewer than 3 draws nothing is told.

    Args:
        lines: of the methods `raw`, `scratch` and `method`, each with the number of test `samples`.
        method: the row that was pretrained.
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))  # by labels and method
    for line in lines:
        values[line["labels"]][line["method"]].append(line["value"])
    verdicts: dict[str, list[str]] = {"paid": [], "cost accuracy": [], "not clearly": []}
    for labels, rows in values.items():
        gaps = [100 * (one - other) for one, other in zip(rows[method], rows[SCRATCH], strict=True)]
        gap, spread = fmean(gaps), stdev(gaps) if len(gaps) > 1 else 0.0
        luck = 100 * luck_between(fmean(rows[method]), fmean(rows[SCRATCH]), lines[0]["samples"])
        if len(gaps) < _FEWEST:
            verdict = f"cannot be told from {'a single draw' if len(gaps) == 1 else f'{len(gaps)} draws'}"
        elif abs(gap) <= max(spread, luck):
            verdict = "not clearly"
        else:
            verdict = "paid" if gap > 0 else "cost accuracy"
        told = f" ± {spread:.1f}" if len(gaps) > 1 else ""
        verdicts.setdefault(verdict, []).append(f"{_few(labels)} ({gap:+.1f}{told})")
    found = "; ".join(f"{verdict} with {', '.join(some)}" for verdict, some in verdicts.items() if some)
    ahead = [_few(labels) for labels, rows in values.items() if _plain_wins(rows)]
    plain = f" The plain row, raw, is ahead of both with {', '.join(ahead)}." if ahead else ""
    return f"Pretraining, in points over the same encoder from scratch with the same labels: {found}.{plain}"


def _plain_wins(rows: Mapping[str, Sequence[float]]) -> bool:
    return fmean(rows[RAW]) > max(fmean(some) for method, some in rows.items() if method != RAW)


def _few(labels: str) -> str:
    """ "1 label a class" or "all labels"."""
    return "all labels" if labels == "all" else f"{labels} label{'' if labels == '1' else 's'} a class"
