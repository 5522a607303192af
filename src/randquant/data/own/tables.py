"""A .csv, .tsv or .parquet file in, its columns out: numbers as float64 with NaN, words as texts with None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.columns import fit_table, is_text
from randquant.data.own.form import InputForm
from randquant.data.own.grids import spaced
from randquant.data.own.pieces import Pieces, read_csv, size_of, values_of
from randquant.data.own.source import column_of
from randquant.data.own.stored import Columns, stored
from randquant.data.own.words import WORDY, fit_words
from randquant.data.present import check_utf8
from randquant.data.present import reading as reading_file
from randquant.data.root import data_root
from randquant.errors import UnreadableError
from randquant.libraries import library
from randquant.settings import ReadingSettings

HELD = 1 << 28  # bytes of a table up to which it is held in memory


class TableSource:
    """Samples are rows.

    Args:
        path: the file.
        columns: all of them, [N] each.
        how: `inputs`: the names of columns that are numbers or categories; `text`: that of texts, or ""; `id`: that of
            names, or "".
        names: a word for each row, or None.
        label: the column that holds labels unless another is named.
    """

    decodes = False

    def __init__(
        self,
        path: Path | None,
        columns: Columns,
        how: Mapping[str, Any],
        names: Sequence[str] | None = None,
        label: str = "",
    ) -> None:
        self.path, self.columns, self.how, self.names, self.label = path, columns, dict(how), names, label
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str) -> NDArray[Any]:
        """A column by its name."""
        return column_of(self.columns, name, self.path)[:]

    def raw(self, rows: Sequence[int]) -> tuple[Any, ...]:
        """Columns of those rows, and texts."""
        places = np.asarray(rows)
        found: list[Any] = []
        if self.how["inputs"]:
            found.append({name: column_of(self.columns, name, self.path)[places] for name in self.how["inputs"]})
        if self.how["text"]:
            found.append(texts_of(column_of(self.columns, self.how["text"], self.path)[places]))
        return tuple(found)

    def fit(self, rows: Sequence[int], reading: ReadingSettings) -> tuple[InputForm, ...]:
        """A table, or texts, or both; columns that say nothing are left out of `how`."""
        forms: list[InputForm] = []
        if self.how["inputs"]:
            table = fit_table(self.columns, rows, self.how["inputs"], self.notes)
            self.how["inputs"] = [*table.numbers, *table.categories]
            forms.append(table)
        if self.how["text"]:
            forms.append(fit_words(self.raw(spaced(rows, WORDY))[-1], reading.length, self.notes))
        return tuple(forms)


def open_table(path: Path, reading: ReadingSettings, how: Mapping[str, Any] | None) -> TableSource:
    """The rows of a table.

    Raises:
        UserError: the file is broken, or a column that was named is missing.
    """
    notes: list[str] = []
    columns = read_columns(path, notes)
    before = "" if how is None else how.get("id", "")  # where this file has no such column, rows have numbers alone
    named = reading.id or (before if before in columns else "")
    names = None if not named else [str(one) for one in column_of(columns, named, path)[:]]
    source = hold_table(path, columns, names, reading, how)
    source.notes += notes
    return source


def hold_table(
    path: Path | None,
    columns: Columns,
    names: Sequence[str] | None,
    reading: ReadingSettings,
    how: Mapping[str, Any] | None,
) -> TableSource:
    """A table whose columns are in memory."""
    if how is not None:
        return TableSource(path, columns, how, names)
    told = {one for one in (reading.label, reading.group, reading.id, reading.time) if one}
    for name in told:
        column_of(columns, name, path)
    free = [name for name in columns if name not in told]
    text = next((name for name in free if is_text(columns[name])), "")
    inputs = [name for name in free if name != text]
    source = TableSource(path, columns, {"inputs": inputs, "text": text, "id": reading.id}, names)
    source.notes.append(f"table: {len(source):,} rows are samples (--id names the column of series that take several)")
    if text:
        source.notes.append(f"text: column {text!r}, since its cells hold several words each")
    return source


def read_columns(path: Path, notes: list[str]) -> Columns:
    """All columns of a file: held in memory, or where they are many, written to files once and mapped.

    Args:
        path: the file.
        notes: gets a line for each thing inferred of the cells.

    Raises:
        UserError: a line has too many or too few cells, the encoding is not UTF-8, or the file is empty.
    """
    try:
        with reading_file(path, "mend the file"):
            return _read_columns(path, notes)
    except UnreadableError:
        if path.suffix != ".parquet":
            check_utf8(path)
        raise


def _read_columns(path: Path, notes: list[str]) -> Columns:
    if size_of(path) > HELD:
        columns = stored(path, data_root() / "columns", lambda: Pieces(path))
        notes += columns.notes
        return columns
    if path.suffix == ".parquet":
        table = library("pyarrow.parquet", "tables", "data").read_table(path)
    else:
        table = read_csv(path, notes)
    return {name: values_of(table.column(name)) for name in table.column_names}


def texts_of(values: NDArray[Any]) -> list[str]:
    """Cells as texts; an empty cell is an empty one."""
    return ["" if one is None else str(one) for one in values]
