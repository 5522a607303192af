"""A large table in, its columns out: written once as arrays of numbers and as words end to end, then mapped, not held.

A file of columns is made from a piece of the table at a time, so neither needs to fit into memory. It is kept in the
data root under a name that digests the table's path, size and time of change; what an older version left is removed.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from randquant.data.files import state
from randquant.errors import UserError
from randquant.terminal import remark

_CELLS = 1 << 16  # looked at together
_LAYOUT = 2  # of a folder of columns; one of an earlier layout is written anew
_NONE = b"\xff"  # an empty cell, which no text of UTF-8 holds


class Words:
    """The cells of a column of words, in files: read where they are asked for, and never all at once unless all are.

    Args:
        file: where they stand end to end, UTF-8.
        ends: another with the place where each ends, int64 [N].
    """

    dtype = np.dtype(object)

    def __init__(self, file: Path, ends: Path) -> None:
        self.file, self.ends = file, ends

    def __len__(self) -> int:
        return len(_mapped(self.ends))

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """The cells of these rows, str or None, equal ones as one object."""
        ends, text = _mapped(self.ends), _bytes(self.file)
        places = np.arange(len(ends))[rows]
        known: dict[bytes, str | None] = {_NONE: None}
        cells = np.empty(len(places), dtype=object)
        for run in runs(len(places)):
            some = places[run]
            starts = np.where(some > 0, ends[some - 1], 0).tolist()
            for number, (start, end) in enumerate(zip(starts, ends[some].tolist(), strict=True), run.start):
                cell = text[start:end].tobytes()
                if cell not in known:
                    known[cell] = cell.decode()
                cells[number] = known[cell]
        return cells


class Piecewise(Protocol):
    """A table that is read a piece at a time: in each piece all columns, float64 or objects throughout.

    Attributes:
        rows: of all pieces.
        notes: what was inferred of the cells, a line each.
    """

    rows: int
    notes: list[str]

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Its pieces, from the first row to the last."""
        ...


Column: TypeAlias = NDArray[Any] | Words
Columns: TypeAlias = Mapping[str, Column]


class Stored(Mapping[str, Column]):
    """Columns in a folder. It is copied to worker processes by the folder's name alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def notes(self) -> list[str]:
        """What was inferred of the cells, a line each."""
        return list(_facts(self.folder).notes)

    def __getitem__(self, name: str) -> Column:
        number, words = _facts(self.folder).columns[name]
        file = self.folder / f"{number}.npy"
        return Words(file.with_suffix(".txt"), file) if words else _mapped(file)

    def __iter__(self) -> Iterator[str]:
        return iter(_facts(self.folder).columns)

    def __len__(self) -> int:
        return len(_facts(self.folder).columns)


def stored(path: Path, folder: Path, read: Callable[[], Piecewise]) -> Stored:
    """The columns of a table, from their folder, which is filled first if it is not there.

    Args:
        path: the table.
        folder: for those of all tables.
        read: reads it; called where that is needed.

    Raises:
        UserError: there is no room for them.
    """
    size, changed = state(path)
    name, version = _digest(str(path.absolute())), _digest(f"{_LAYOUT} {size} {changed}")
    place = folder / f"{name}-{version}"
    if not place.exists():
        _store(path, place, read())
        for other in folder.glob(f"{name}-*"):
            if other != place and ".part" not in other.name:
                shutil.rmtree(other, ignore_errors=True)
    return Stored(place)


def _store(path: Path, place: Path, pieces: Piecewise) -> None:
    """Write into a folder beside the wanted one, then rename it: half a table never looks like a whole one."""
    beside = place.with_name(f"{place.name}.part-{platform.node()}-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        written: dict[str, _Numbers | _Cells] = {}
        for piece in pieces:
            if not written:
                _check_room(path, 8 * pieces.rows * len(piece) + path.stat().st_size, place.parent)
                remark(f"large: {pieces.rows:,} rows of {path.name} are written as columns, once, in {place.parent}")
                for number, (name, values) in enumerate(piece.items()):
                    kind = _Cells if values.dtype.kind == "O" else _Numbers
                    written[name] = kind(beside / f"{number}.npy", pieces.rows)
            for name, values in piece.items():
                written[name].add(values)
        for one in written.values():
            one.flush()
        columns = {name: [number, isinstance(one, _Cells)] for number, (name, one) in enumerate(written.items())}
        told = {"columns": columns, "notes": pieces.notes}
        (beside / "columns.json").write_text(json.dumps(told), encoding="utf-8")
        if not place.exists():  # another process may have been faster
            beside.rename(place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Numbers:
    """A file of float64 that is written from its beginning on."""

    def __init__(self, file: Path, rows: int) -> None:
        self._array, self._row = np.lib.format.open_memmap(file, "w+", np.dtype(np.float64), (rows,)), 0

    def add(self, values: NDArray[Any]) -> None:
        self._array[self._row : self._row + len(values)] = values
        self._row += len(values)

    def flush(self) -> None:
        self._array.flush()


class _Cells:
    """A file of texts end to end and one with the places of their ends."""

    def __init__(self, file: Path, rows: int) -> None:
        self._ends, self._row = np.lib.format.open_memmap(file, "w+", np.dtype(np.int64), (rows,)), 0
        self._file, self._size = file.with_suffix(".txt"), 0

    def add(self, values: NDArray[Any]) -> None:
        cells = [_NONE if one is None else one.encode() for one in values]
        ends = self._size + np.cumsum([len(one) for one in cells])
        self._ends[self._row : self._row + len(cells)] = ends
        with self._file.open("ab") as file:
            file.write(b"".join(cells))
        self._row, self._size = self._row + len(cells), int(ends[-1])

    def flush(self) -> None:
        self._ends.flush()


def coded(column: Column) -> tuple[NDArray[np.int64], list[Any]]:
    """What a column says, once each in the order in which it first says it, and the place of each cell's among these.

    Returns:
        int64 [N], and the different cells.
    """
    if column.dtype.kind != "O":
        different, first, codes = np.unique(column[:], return_index=True, return_inverse=True)
        order = np.argsort(first)
        return np.argsort(order)[codes], different[order].tolist()
    known: dict[Any, int] = {}
    found = [
        np.array([known.setdefault(one, len(known)) for one in column[rows]], np.int64) for rows in runs(len(column))
    ]
    return np.concatenate([np.empty(0, np.int64), *found]), list(known)


def runs(count: int) -> Iterator[slice]:
    """Stretches of so many rows, one after another, that are looked at together."""
    yield from (slice(start, start + _CELLS) for start in range(0, count, _CELLS))


def _check_room(path: Path, size: int, folder: Path) -> None:
    if size > shutil.disk_usage(folder).free:
        raise UserError(
            f"data: the columns of {path} take {size / 1e9:.1f} GB, which {folder} has not; make room there, or let "
            "RANDQUANT_DATA name a folder on a larger disk"
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1024)
def _mapped(file: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, mmap_mode="r")
    return array


@functools.lru_cache(maxsize=1024)
def _bytes(file: Path) -> NDArray[np.uint8]:
    return np.memmap(file, np.uint8, "r") if file.stat().st_size else np.empty(0, np.uint8)


class _Facts(NamedTuple):
    """What a folder says of its columns: the number of each and whether it holds words, and notes."""

    columns: dict[str, tuple[int, bool]]
    notes: tuple[str, ...]


@functools.lru_cache(maxsize=64)
def _facts(folder: Path) -> _Facts:
    told = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    columns = {name: (number, words) for name, (number, words) in told["columns"].items()}
    return _Facts(columns, tuple(told["notes"]))
