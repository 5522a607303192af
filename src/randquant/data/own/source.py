"""The shape of an opened path: so many samples, their raw values by row, and columns beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from randquant.data.own.form import InputForm
from randquant.data.own.stored import Column, Columns
from randquant.errors import UserError
from randquant.settings import ReadingSettings

Values = NDArray[Any]


class Source(Protocol):
    """An opened path. It is copied to worker processes, so it can be pickled, and reads its files when asked.

    Attributes:
        how: plain values that open another path the same way.
        notes: what was inferred, a line each.
        names: a word for each sample; None where their numbers are all there is.
        label: the column that holds labels unless another is named; "" where there is none.
        decodes: whether samples are decoded from files; others are taken from memory or from files that are mapped.
    """

    how: dict[str, Any]
    notes: list[str]
    names: Sequence[str] | None
    label: str
    decodes: bool

    def __len__(self) -> int:
        """Samples."""
        ...

    def column(self, name: str) -> Values:
        """What stands beside the samples under this name, [N].

        Raises:
            UserError: there is no such column.
        """
        ...

    def raw(self, rows: Sequence[int]) -> tuple[Any, ...]:
        """The raw values of some samples: for each input what its form takes."""
        ...

    def fit(self, rows: Sequence[int], reading: ReadingSettings) -> tuple[InputForm, ...]:
        """The form of each input, from these samples alone; what it inferred goes to `notes`."""
        ...


def column_of(columns: Columns, name: str, where: object) -> Column:
    """The column of this name.

    Raises:
        UserError: there is none; says which there are.
    """
    if name not in columns:
        known = ", ".join(list(columns)[:20]) or "none"
        raise UserError(f"data: {where} has no column {name!r}; its columns are: {known}")
    return columns[name]
