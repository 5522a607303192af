"""A .txt or .jsonl file in, a text a line out, with the other fields of each line beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.stored import Columns
from randquant.data.present import check_utf8
from randquant.errors import UserError

_FIELDS = ("text", "sentence", "content", "body")  # of a .jsonl, the first that is there
TEXT = "text"


def read_lines(path: Path) -> tuple[Columns, str, list[str]]:
    """Columns of a file of texts, the name of the one with the texts, and the number of each line as it is named.

    Empty lines are left out.

    Raises:
        UserError: the encoding is not UTF-8, or a line of a .jsonl is broken or has no text.
    """
    lines = _decoded(path)
    numbered = [(str(number), line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise UserError(f"data: {path} is empty; it must hold a text in each line")
    names = [number for number, _ in numbered]
    if path.suffix != ".jsonl":
        return {TEXT: np.array([line for _, line in numbered], dtype=object)}, TEXT, names
    records = [_record(path, number, line) for number, line in numbered]
    fields = list(dict.fromkeys(name for record in records for name in record))
    columns: dict[str, NDArray[Any]] = {}
    for name in fields:
        cells = [record.get(name) for record in records]
        if all(one is None or isinstance(one, int | float) for one in cells):
            columns[name] = np.array([np.nan if one is None else float(one) for one in cells])
        else:
            columns[name] = np.array([None if one is None else str(one) for one in cells], dtype=object)
    words = [name for name, values in columns.items() if values.dtype.kind == "O"]
    text = next((name for name in _FIELDS if name in words), words[0] if len(words) == 1 else None)
    if text is None:
        raise UserError(f"data: {path} has the fields {', '.join(fields)}; name the one with the texts text")
    return columns, text, names


def _decoded(path: Path) -> list[str]:
    check_utf8(path)
    text = path.read_bytes().decode("utf-8-sig")
    return text.splitlines() if path.suffix != ".jsonl" else text.split("\n")


def _record(path: Path, number: str, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as problem:
        raise UserError(f"data: {path} has no JSON in line {number} ({problem.msg}); mend it") from None
    if not isinstance(record, dict):
        raise UserError(f'data: {path} has no object in line {number}; each line must be like {{"text": "…"}}')
    return record
