"""Cells of a .csv as text in, which of its columns hold numbers with a decimal comma out, and those numbers.

A comma divides decimals where it cannot divide thousands, as in 0,5 or 12,34: then it does so throughout the file. It
is not taken to do so where another column has it between thousands, or where commas divide the cells themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from randquant.libraries import library

_NUMBER = r"^\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][+-]?\d+)?\s*$"  # with points between thousands
_GROUPED = r"^\s*[+-]?([1-9]\d{0,2}(,\d{3})+|\d+)(\.\d+)?\s*$"  # or no comma at all
_NAMED = 5


class Commas(NamedTuple):
    """What the commas of a column may be.

    Attributes:
        decimal: all cells are numbers with a decimal comma, or whole.
        thousands: all are numbers with commas between thousands, or none.
        used: a cell has a comma.
    """

    decimal: bool = True
    thousands: bool = True
    used: bool = False

    def after(self, cells: Any) -> Commas:
        """The same of a column that goes on with these cells, a pyarrow array of texts."""
        if not (self.decimal or self.thousands):
            return self
        decimal, thousands = self.decimal and _all(cells, _NUMBER), self.thousands and _all(cells, _GROUPED)
        return Commas(decimal, thousands, self.used or not _all(cells, "^[^,]*$"))


def decimal_columns(found: Mapping[str, Commas], delimiter: str) -> tuple[list[str], list[str]]:
    """The columns of a file that hold numbers with a decimal comma, and a line for each thing inferred."""
    numbers = {name: one for name, one in found.items() if one.used and (one.decimal or one.thousands)}
    kinds = numbers.values()
    sure = delimiter != "," and all(one.decimal for one in kinds) and any(not one.thousands for one in kinds)
    if not numbers:
        return [], []
    if sure:
        return list(numbers), [f"numbers: decimal commas in {len(numbers)} column{'s' * (len(numbers) != 1)}"]
    more = f" and {len(numbers) - _NAMED} others" if len(numbers) > _NAMED else ""
    named = f"{', '.join(list(numbers)[:_NAMED])}{more}"
    return [], [f"words: {named}, whose commas may divide decimals or thousands; write 1.5 or 1234 for numbers"]


def with_points(column: Any) -> Any:
    """The numbers of a pyarrow column of texts with decimal commas."""
    lib = library("pyarrow", "tables", "data")
    trimmed = _compute().utf8_trim_whitespace(column)
    joined = _compute().replace_substring(trimmed, ".", "")
    return _compute().replace_substring(joined, ",", ".").cast(lib.float64())


def _all(cells: Any, pattern: str) -> bool:
    return _compute().all(_compute().match_substring_regex(cells, pattern)).as_py() is not False


def _compute() -> Any:
    return library("pyarrow.compute", "tables", "data")
