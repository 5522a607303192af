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
from randquant.data.own.stored import Column, Columns, coded
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
    decodes = False

    def __init__(self, path: Path, columns: Columns, how: Mapping[str, Any]) -> None:
        self.path, self.columns, self.how, self.notes = path, columns, dict(how), list[str]()
        self.rank, named = coded(column_of(columns, how["id"], path))  # series stand in the order of their first rows
        self.names: Sequence[str] | None = [str(one) for one in named]
        keys = [self.rank]
        if how["time"]:
            keys.insert(0, _times(column_of(columns, how["time"], path), how["time"]))
        self.steps = np.split(np.lexsort(keys), np.cumsum(np.bincount(self.rank))[:-1])
        for name in how["channels"]:
            column_of(columns, name, path)

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> NDArray[Any]:
        """A column that says the same in all rows of a series: one value each.

        Raises:
            UserError: there is none, or it differs within a series.
        """
        values = column_of(self.columns, name, self.path)[:]
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
        return ([self._series(self.steps[row]) for row in rows],)

    def _series(self, steps: NDArray[Any]) -> NDArray[np.float64]:
        names = self.how["channels"]
        return np.stack([number_column(self.columns[name][steps], name, steps) for name in names])

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
            len(self.how["channels"]),
            (length,),
            patch=reading.patch,
            ragged=bool(lengths.min() < length),
            notes=self.notes,
        )
        return (one,)


def _times(column: Column, name: str) -> NDArray[Any]:
    values = column[:]
    if values.dtype.kind == "O":
        raise UserError(f"time: column {name!r} holds words, must hold numbers or points in time")
    return values


def hold_series(path: Path, columns: Columns, reading: ReadingSettings, how: Mapping[str, Any] | None) -> SeriesSource:
    """The series of a long table.

    Raises:
        UserError: a named column is missing, or no column of numbers is left.
    """
    if how is not None:
        asked = {name: value for name in ("id", "time") if (value := getattr(reading, name))}
        return SeriesSource(path, columns, {**how, **asked})
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
