"""Rows in, a table on standard output out: drawn for a reader, tab-separated and never cut for a program."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from shutil import get_terminal_size

from rich.console import Console
from rich.table import Table


def is_drawn() -> bool:
    """Whether a reader is at the other end, not a file or a program."""
    return sys.stdout.isatty()


def say(text: str) -> None:
    """Write one line on standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """Write one line beside the tables: where a program reads those, on standard error."""
    stream = sys.stdout if is_drawn() else sys.stderr
    stream.write(f"{text}\n")
    stream.flush()


def tell(text: str) -> None:
    """Write a paragraph, broken between words to fit the terminal."""
    say(
        textwrap.fill(text, width=min(get_terminal_size().columns, 100), break_on_hyphens=False) if is_drawn() else text
    )


def write_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> None:
    """Write a table; the first `text_columns` columns hold words, the others numbers.

    Args:
        header: a word a column.
        rows: the cells; on a terminal they may use rich's markup.
    """
    if not is_drawn():
        for row in (header, *rows):
            say("\t".join(row))
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, word in enumerate(header):
        table.add_column(word, justify="left" if place < text_columns else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
