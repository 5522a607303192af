"""What was measured in, a line of a table with its bar and its verdict out."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def say(step: str) -> None:
    """What comes next, or has just been measured, beside the page."""
    sys.stderr.write(f"{step}\n")


def check_folder(page: Path | None) -> None:
    """Leave before anything is measured where the page has no folder to be written in."""
    if page and not page.absolute().parent.is_dir():
        sys.exit(f"{Path(sys.argv[0]).name}: error: --markdown: there is no folder {page.parent}; make it first")


def published(text: str, rows: Iterable[Row], page: Path | None, *, judged: bool) -> int:
    """Print a page, and write it where one is wanted; the exit status: 1 where a bar is missed that is to be judged."""
    sys.stdout.write(text)
    if page:
        page.write_text(text, encoding="utf-8")
    return int(judged and any(row.met is False for row in rows))
