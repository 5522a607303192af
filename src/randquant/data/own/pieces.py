"""A .csv, .tsv or .parquet file in, its columns out a piece of the table at a time, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.decimals import Commas, decimal_columns, with_points
from randquant.errors import UserError
from randquant.libraries import library

_DELIMITERS = ",;\t|"
_BLOCK = 1 << 20  # bytes of a .csv that are parsed at a time; several are read ahead
_ROWS = 1 << 16  # of a .parquet
_CLOCK = r"^\d\d:\d\d(:\d\d)?$"


def arrow() -> Any:
    """pyarrow, once it is needed."""
    return library("pyarrow", "tables", "data")


def csv_options(path: Path, types: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """How a .csv is parsed: its delimiter is the commonest in the first line, and an empty cell is none.

    Args:
        path: the file.
        types: of its columns; found out where they are not named.

    Raises:
        UserError: the file has no first line, or no second.
    """
    csv: Any = library("pyarrow.csv", "tables", "data")
    with path.open("rb") as file:
        head, second = (file.readline().decode("utf-8", "replace") for _ in range(2))
    if not head.strip():
        raise UserError(f"data: {path} is empty; it must begin with a line of column names")
    if not second:
        raise UserError(f"data: {path} holds a line of column names and no rows")
    delimiter = max(_DELIMITERS, key=head.count)
    return {
        "parse_options": csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": csv.ConvertOptions(column_types=types, strings_can_be_null=True),
    }


def read_csv(path: Path, notes: list[str]) -> Any:
    """A .csv that is held in memory, as a pyarrow table; `notes` gets a line for each thing inferred of its cells."""
    csv: Any = library("pyarrow.csv", "tables", "data")
    options = csv_options(path)
    table = csv.read_csv(path, **options)
    commas = {one.name: Commas().after(table.column(one.name)) for one in table.schema if one.type == arrow().string()}
    taken, told = decimal_columns(commas, options["parse_options"].delimiter)
    notes += told
    for name in taken:
        table = table.set_column(table.column_names.index(name), name, with_points(table.column(name)))
    return table


def size_of(path: Path) -> int:
    """Bytes of a .csv, and of the values of a .parquet."""
    if path.suffix != ".parquet":
        return path.stat().st_size
    facts = library("pyarrow.parquet", "tables", "data").ParquetFile(path).metadata
    return 8 * int(facts.num_rows) * int(facts.num_columns)


class Pieces:
    """A table that is read from its beginning to its end, as often as it is asked for.

    Args:
        path: the file. A .csv is read once before, for what each of its columns holds throughout.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._commas, self.notes = path, list[str](), list[str]()
        if path.suffix == ".parquet":
            self.rows = int(library("pyarrow.parquet", "tables", "data").ParquetFile(path).metadata.num_rows)
        else:
            self.rows, self._types, commas = _looked_through(path)
            self._commas, self.notes = decimal_columns(commas, csv_options(path)["parse_options"].delimiter)

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        if self._path.suffix == ".parquet":
            batches = library("pyarrow.parquet", "tables", "data").ParquetFile(self._path).iter_batches(_ROWS)
        else:
            batches = _parsed(self._path, self._types)
        for batch in batches:
            table = arrow().Table.from_batches([batch])
            cells = {name: table.column(name) for name in table.column_names}
            cells |= {name: with_points(cells[name]) for name in self._commas}
            yield {name: values_of(one) for name, one in cells.items()}


def _parsed(path: Path, types: Mapping[str, Any] | None) -> Any:
    csv: Any = library("pyarrow.csv", "tables", "data")
    return csv.open_csv(path, read_options=csv.ReadOptions(block_size=_BLOCK), **csv_options(path, types))


def _looked_through(path: Path) -> tuple[int, dict[str, Any], dict[str, Commas]]:
    """How many rows a .csv has, the first type of these that all cells of each column are of, and words' commas."""
    lib = arrow()
    points = [lib.timestamp(unit, zone) for zone in (None, "UTC") for unit in ("s", "ns")]
    may_be = [lib.float64(), lib.bool_(), *points, lib.time32("s")]
    names = _parsed(path, None).schema.names
    left = {name: list(may_be) for name in names}
    rows, commas = 0, dict.fromkeys(names, Commas())
    for batch in _parsed(path, dict.fromkeys(names, lib.string())):
        rows += batch.num_rows
        for name, column in zip(names, batch.columns, strict=True):
            left[name] = [one for one in left[name] if _is_of(column, one)]
            commas[name] = commas[name].after(column)
    return (
        rows,
        {name: (types or [lib.string()])[0] for name, types in left.items()},
        {name: one for name, one in commas.items() if not left[name]},
    )


def _is_of(cells: Any, kind: Any) -> bool:
    compute: Any = library("pyarrow.compute", "tables", "data")
    trimmed = compute.utf8_trim_whitespace(cells)
    if arrow().types.is_time(kind):
        return compute.all(compute.match_substring_regex(trimmed, _CLOCK)).as_py() is not False
    try:
        compute.cast(trimmed, kind)
    except arrow().ArrowInvalid:
        return False
    return True


def values_of(column: Any) -> NDArray[Any]:
    """One column of a pyarrow table: float64 with NaN, or objects with None. Points in time are seconds."""
    lib = arrow()
    types = lib.types
    kind = column.type
    if types.is_temporal(kind):
        unit = lib.time64("us") if types.is_time(kind) else lib.duration("us") if types.is_duration(kind) else None
        since = column.cast(unit or lib.timestamp("us"), safe=False).cast(lib.int64())
        column = lib.compute.divide(since.cast(lib.float64(), safe=False), 1e6)
    elif types.is_boolean(kind):
        column = column.cast(lib.int8())
    elif types.is_null(kind) or types.is_decimal(kind):
        column = column.cast(lib.float64())
    elif not (types.is_floating(kind) or types.is_integer(kind)):
        return np.array(column.cast(lib.string()).to_pylist(), dtype=object)
    return np.asarray(column.cast(lib.float64(), safe=False).to_numpy(), np.float64)
