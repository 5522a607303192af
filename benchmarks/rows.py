"""What was measured in, a line of a table with its bar and its verdict out."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from table import markdown


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, and the bar that it has to clear, if there is one."""

    text: str
    measured: str
    bar: str = ""
    met: bool | None = None


def table_of(rows: Iterable[Row], *, judged: bool) -> str:
    """All rows; whether a bar is met only where that is to be judged."""
    return markdown(
        [["", "measured", "bar", ""], *([row.text, row.measured, row.bar, verdict(row, judged=judged)] for row in rows)]
    )


def verdict(row: Row, *, judged: bool) -> str:
    """met, **missed**, or nothing."""
    if row.met is None or not judged:
        return ""
    return "met" if row.met else "**missed**"


def middle(numbers: Sequence[float]) -> str:
    """Median, smallest and largest."""
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"
