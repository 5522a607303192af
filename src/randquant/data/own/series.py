"""A long table in, one series a sample out: rows with the same id are its steps, the other columns its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.columns import number_column
from randquant.data.own.form import InputForm
from randquant.data.own.grids import fit_grid
from randquant.data.own.source import column_of
from randquant.data.own.tables import Columns
from randquant.errors import UserError
from randquant.settings import ReadingSettings

_PERCENT = 95  # of the series are kept whole, where --length says nothing


class SeriesSource:
    """Series of different lengths.

    Args:
        path: the table.
        columns: all of them, one value a row.
        how: `id`, `time` or "", and `channels`, the names of the columns that are measured.
    """

    label = ""

    def __init__(self, path: Path, columns: Columns, how: Mapping[str, Any]) -> None:
        self.path, self.columns, self.how, self.notes = path, columns, dict(how), list[str]()
        ids = np.array([str(one) for one in column_of(columns, how["id"], path)])
        unique, first, codes = np.unique(ids, return_index=True, return_inverse=True)
        order = np.argsort(first)  # series stand in the order of their first rows
        self.rank = rank = np.argsort(order)[codes]
        time = column_of(columns, how["time"], path) if how["time"] else np.arange(len(ids))
        rows = np.lexsort((np.arange(len(ids)), time, rank))
        ends = np.cumsum(np.bincount(rank))
        self.steps = np.split(rows, ends[:-1])
        self.names: Sequence[str] | None = unique[order].tolist()
        self.values = np.stack([number_column(column_of(columns, one, path), one) for one in how["channels"]])

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> NDArray[Any]:
        """A column that says the same in all rows of a series: one value each.

        Raises:
            UserError: there is none, or it differs within a series.
        """
        values = column_of(self.columns, name, self.path)
        first = values[[rows[0] for rows in self.steps]]
        same = values == first[self.rank]
        if values.dtype.kind == "f":
            same |= np.isnan(values) & np.isnan(first[self.rank])
        if not same.all():
            assert self.names is not None
            where = self.names[int(self.rank[int(np.argmin(same))])]
            raise UserError(f"data: column {name!r} differs within the series {where!r}; must be one value a series")
        return first

    def raw(self, rows: Sequence[int]) -> tuple[Any, ...]:
        """Series [C, steps]."""
        return ([self.values[:, self.steps[row]] for row in rows],)

    def fit(self, rows: Sequence[int], reading: ReadingSettings) -> tuple[InputForm, ...]:
        """One grid; longer series are cut."""
        lengths = np.array([len(self.steps[row]) for row in rows])
        most = int(lengths.max())
        length = min(reading.length or int(np.ceil(np.percentile(lengths, _PERCENT))), most)
        if length < most:
            why = "as --length says" if reading.length else f"{_PERCENT} of 100 are no longer; --length sets it"
            self.notes.append(f"length: {length} steps ({why}); longer series are cut, up to {most} steps")
        if length != lengths.min():
            self.notes.append(f"length: series have {lengths.min()} to {most} steps; what is missing is masked")
        one = fit_grid(
            lambda some: [values[:, :length] for values in self.raw(some)[0]],
            rows,
            len(self.values),
            (length,),
            patch=reading.patch,
            ragged=bool(lengths.min() < length),
            notes=self.notes,
        )
        return (one,)


def hold_series(path: Path, columns: Columns, reading: ReadingSettings, how: Mapping[str, Any] | None) -> SeriesSource:
    """The series of a long table.

    Raises:
        UserError: a named column is missing, or no column of numbers is left.
    """
    if how is not None:
        return SeriesSource(path, columns, how)
    told = {one for one in (reading.label, reading.group, reading.id, reading.time) if one}
    for name in told:
        column_of(columns, name, path)
    channels = [name for name, values in columns.items() if name not in told and values.dtype.kind == "f"]
    words = [name for name, values in columns.items() if name not in told and values.dtype.kind == "O"]
    if not channels:
        raise UserError(f"data: {path} has no column of numbers beside {', '.join(sorted(told))}")
    source = SeriesSource(path, columns, {"id": reading.id, "time": reading.time, "channels": channels})
    source.notes.append(
        f"series: {len(source):,}, named by {reading.id!r}, "
        f"{f'ordered by {reading.time!r}' if reading.time else 'their rows in order'}; channels: {', '.join(channels)}"
    )
    if words:
        source.notes.append(f"left out: {', '.join(words)} (words)")
    return source
