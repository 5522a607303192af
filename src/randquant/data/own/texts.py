"""A .txt or .jsonl file in, a text a line out, with the other fields of each line beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.stored import Columns, stored
from randquant.data.own.tables import HELD
from randquant.data.present import check_utf8
from randquant.data.root import data_root
from randquant.errors import UserError

_FIELDS = ("text", "sentence", "content", "body")  # of a .jsonl, the first that is there
_ROWS = 1 << 14  # lines that are looked at together
TEXT = "text"
LINE = "line number"  # the column that names each text


class Lines:
    """The lines of a file, read from its beginning to its end as often as they are asked for; empty ones are left out.

    Args:
        path: the file. It is read once before, for how many lines it has and what each field of them holds throughout.

    Raises:
        UserError: the encoding is not UTF-8, or a line of a .jsonl is broken.
    """

    def __init__(self, path: Path) -> None:
        check_utf8(path)
        self._path, self.rows, self.notes = path, 0, list[str]()
        self._numbers: dict[str, bool] = {}  # whether a field holds numbers alone
        for _, record in self._records():
            self.rows += 1
            for name, cell in record.items():
                known = self._numbers.setdefault(name, True)
                self._numbers[name] = known and (cell is None or isinstance(cell, int | float))

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        records, numbers = [], []
        for number, record in self._records():
            records.append(record)
            numbers.append(float(number))
            if len(records) == _ROWS:
                yield self._piece(numbers, records)
                records, numbers = [], []
        if records:
            yield self._piece(numbers, records)

    def _piece(self, numbers: list[float], records: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
        columns = {LINE: np.array(numbers)}
        for name, all_numbers in self._numbers.items():
            cells = [record.get(name) for record in records]
            if all_numbers:
                columns[name] = np.array([np.nan if one is None else float(one) for one in cells])
            else:
                columns[name] = np.array([None if one is None else str(one) for one in cells], dtype=object)
        return columns

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        plain = self._path.suffix != ".jsonl"
        with self._path.open(encoding="utf-8-sig", newline=None if plain else "\n") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, {TEXT: line.rstrip("\n")} if plain else _record(self._path, number, line)


class Named(Sequence[str]):
    """The names of texts: the numbers of their lines."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[LINE])

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [str(int(one)) for one in self._columns[LINE][place]]
        return str(int(self._columns[LINE][[place]][0]))


def read_lines(path: Path) -> tuple[Columns, str, Sequence[str]]:
    """Columns of a file of texts, the name of the one with the texts, and the number of each line as it is named.

    They are held in memory, or where the file is large, written to files once and mapped.

    Raises:
        UserError: the encoding is not UTF-8, or a line of a .jsonl is broken or has no text.
    """
    columns: Columns
    if path.stat().st_size > HELD:
        columns = stored(path, data_root() / "columns", lambda: Lines(path))
    else:
        pieces = list(Lines(path))
        columns = {name: np.concatenate([one[name] for one in pieces]) for name in pieces[0]} if pieces else {}
    if not columns:
        raise UserError(f"data: {path} is empty; it must hold a text in each line")
    fields = [name for name in columns if name != LINE]
    words = [name for name in fields if columns[name].dtype.kind == "O"]
    text = next((name for name in _FIELDS if name in words), words[0] if len(words) == 1 else None)
    if text is None:
        raise UserError(f"data: {path} has the fields {', '.join(fields)}; name the one with the texts text")
    return columns, text, Named(columns)


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as problem:
        raise UserError(f"data: {path} has no JSON in line {number} ({problem.msg}); mend it") from None
    if not isinstance(record, dict):
        raise UserError(f'data: {path} has no object in line {number}; each line must be like {{"text": "…"}}')
    return record
