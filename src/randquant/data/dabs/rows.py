"""A Parquet file, or one of tab-separated text, in; the texts and labels of its rows out, a block of rows at a time."""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.present import reading
from randquant.libraries import library
from randquant.spec import Target

TABBED = ".tsv"


@dataclass(frozen=True)
class Columns:
    """Where a row has its texts and its label.

    Args:
        texts: the names of one column or two.
        label: the name of the label's column.
        words: what labels are in tab-separated text, each at its number; () for the numbers themselves.
        header: the names of all columns, for tab-separated text that does not begin with them.
        gaps: whether rows of tab-separated text that have no label are left out: those that were published broken, in
            two lines. Not the last one, with which a file ends that is cut short.
        closed: whether tab-separated text must end with the end of a line. Where a text stands last, not a label, that
            alone tells a file that is cut short.
    """

    texts: tuple[str, ...]
    label: str = "label"
    words: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    gaps: bool = False
    closed: bool = False


def blocks(
    file: Path, columns: Columns, target: Target | None
) -> Iterator[tuple[tuple[Any, ...], NDArray[Any] | None]]:
    """The columns of texts, as pyarrow has them, and the labels [rows] of each block, read anew.

    Blocks are a Parquet file's groups of rows; tab-separated text is one block.

    Args:
        file, columns: what is read.
        target: what labels are; None leaves them out.

    Raises:
        UserError: the file is broken; or a row of text has no label, as one that is cut short, or an unknown one.
    """
    if file.suffix == TABBED:
        frame = _frame(file, columns)
        yield _texts(frame, columns), None if target is None else _labels(file, frame, columns, target)
        return
    parquet: Any = library("pyarrow.parquet", "text", "data")
    with reading(file), parquet.ParquetFile(file) as opened:
        groups = range(opened.num_row_groups)
    for group in groups:
        labels = None if target is None else _of_group(file, group, (columns.label,))[0].to_numpy()
        yield _of_group(file, group, columns.texts), labels


@functools.lru_cache(maxsize=4)
def texts(file: Path, block: int, columns: Columns, state: tuple[int, int]) -> tuple[Any, ...]:
    """The columns of texts of one block, as pyarrow has them; the last few are held, for a file in that state."""
    if file.suffix == TABBED:
        return _texts(_frame(file, columns), columns)
    return _of_group(file, block, columns.texts)


def _of_group(file: Path, group: int, names: tuple[str, ...]) -> tuple[Any, ...]:
    parquet: Any = library("pyarrow.parquet", "text", "data")
    with reading(file), parquet.ParquetFile(file) as opened:
        table = opened.read_row_group(group, columns=list(names))
        return tuple(table.column(name) for name in names)


def _frame(file: Path, columns: Columns) -> Any:
    """All rows of a file of text. A quotation mark is a letter like any other: those of sentences are not balanced."""
    pandas: Any = library("pandas", "tables", "data")
    with reading(file):
        if columns.closed and not file.read_bytes().endswith(b"\n"):
            raise ValueError("its last line has no end")
        frame = pandas.read_csv(
            file,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            dtype=str,
            keep_default_na=False,  # NA and null are words
            encoding="utf-8-sig",
            usecols=[*columns.texts, columns.label],
            index_col=False,
            **({"header": None, "names": columns.header} if columns.header else {}),
        )
    if columns.gaps:
        frame = frame[(frame[columns.label] != "") | (frame.index == len(frame) - 1)]
    return frame


def _texts(frame: Any, columns: Columns) -> tuple[Any, ...]:
    arrow: Any = library("pyarrow", "text", "data")
    return tuple(arrow.chunked_array([frame[name].tolist()], arrow.string()) for name in columns.texts)


def _labels(file: Path, frame: Any, columns: Columns, target: Target) -> NDArray[Any]:
    """Whole numbers, or floats for a regression."""
    with reading(file):
        written = zip(frame.index, frame[columns.label], strict=True)
        return np.array([_number(text, row + 1, columns, target) for row, text in written])


def _number(written: str, row: int, columns: Columns, target: Target) -> float | int:
    """What a label says."""
    if target.kind == "regression":
        try:
            number = float(written)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
        raise ValueError(f"in row {row}, {columns.label} is {written!r}, must be a number")
    known = columns.words or ("0", "1")
    if written not in known:
        raise ValueError(f"in row {row}, {columns.label} is {written!r}, must be {' or '.join(known)}")
    return known.index(written)
