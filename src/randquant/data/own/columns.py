"""Columns of a table in, numbers and category codes out: numbers scaled, NaN where a cell is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.own.grids import as_measured, spaced
from randquant.data.own.numbering import may_be_ids, numbers_rows
from randquant.data.own.stored import Column, Columns, runs
from randquant.errors import InfiniteError, UserError
from randquant.spec import Table

_WORDS = 63  # of a category; rarer ones share a code with those that were never seen
_LOOKED = 1 << 24  # values that are looked at for scale and ranges, of larger tables evenly spaced rows
_TEXT = 3.0  # words a cell, from which on a column holds texts


@dataclass(frozen=True)
class TableForm:
    """How columns become inputs.

    Args:
        spec: what comes out.
        numbers: names of the real-valued columns.
        mean, spread: of each, where the encoder was trained.
        categories: names of the others.
        words: of each, by code from 1 on; code 0 is an empty cell or a word that was never seen.
        ids: those of the numbers that may be ids: whole, and no two alike where the encoder was trained.
    """

    spec: Table
    numbers: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    categories: tuple[str, ...] = ()
    words: tuple[tuple[str, ...], ...] = ()
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("numbers", "mean", "spread", "categories", "ids"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "words", tuple(tuple(one) for one in self.words))

    def __call__(self, raw: Mapping[str, NDArray[Any]]) -> Tensor:
        """float32 [B, columns + categories].

        Raises:
            UserError: a column is missing, holds words in place of numbers, or holds infinite values.
        """
        parts = []
        for name, mean, spread in zip(self.numbers, self.mean, self.spread, strict=True):
            parts.append((number_column(_found(raw, name), name) - mean) / spread)
        for name, words in zip(self.categories, self.words, strict=True):
            codes = {word: code for code, word in enumerate(words, 1)}
            parts.append(np.array([codes.get(str(cell), 0) for cell in _found(raw, name)], np.float64))
        values = np.stack(parts, axis=1).astype(np.float32)
        if not self.spec.gaps and np.isnan(values).any():
            name = self.numbers[int(np.isnan(values).any(axis=0).argmax())]
            raise UserError(f"data: column {name!r} has empty cells, which it had not where the encoder was trained")
        return torch.from_numpy(values)

    def measured(self, values: Tensor, place: int) -> Tensor:
        """What values of the number in this place were before they were scaled, float64."""
        mean, spread = (torch.tensor(one[place], dtype=torch.float64) for one in (self.mean, self.spread))
        return as_measured(values, mean, spread)

    def told(self, row: Tensor) -> list[str]:
        """One sample [columns + categories] in words: each number as it was before it was scaled, each category."""
        found = []
        for place, name in enumerate(self.numbers):
            value = float(self.measured(row[place], place))
            found.append(f"{name} {value:.4g}" if value == value else f"{name} missing")
        for name, code, words in zip(self.categories, row.tolist()[len(self.numbers) :], self.words, strict=True):
            found.append(f"{name} {words[int(code) - 1]}" if code else f"{name} unknown")
        return found


def fit_table(
    columns: Columns, rows: Sequence[int], names: Sequence[str], notes: list[str], whole: Columns | None = None
) -> TableForm:
    """The form of the columns of these names.

    Args:
        columns: all of them, [N] each.
        rows: those that may be looked at.
        names: which columns are inputs, unless they say nothing.
        notes: gets a line for each thing inferred.
        whole: the columns of all samples, where `columns` holds some of these alone.

    Raises:
        UserError: no column is left, or one holds infinite values.
    """
    numbers: dict[str, tuple[float, float, float, float]] = {}
    words: dict[str, tuple[str, ...]] = {}
    left_out, ids, places = [], list[str](), np.asarray(spaced(rows, max(64, _LOOKED // len(names))))
    for name in names:
        seen = columns[name][places]
        if seen.dtype.kind == "O":
            cells = [str(cell) for cell in seen if cell is not None]
            counted = sorted(Counter(cells).items(), key=lambda one: (-one[1], one[0]))  # the commonest first
            if len(counted) < 2 and len(cells) == len(seen):
                left_out.append(f"{name} (the same throughout)")
            elif len(counted) > 20 and len(counted) > len(cells) / 2:
                left_out.append(f"{name} ({len(counted):,} different words in {len(cells):,} rows)")
            else:
                words[name] = tuple(word for word, _ in counted[:_WORDS])
            continue
        values = number_column(seen, name)
        held = values[~np.isnan(values)]
        if not len(held) or (held == held[0]).all():
            left_out.append(f"{name} ({'empty' if not len(held) else 'the same throughout'})")
        elif numbers_rows((whole or columns)[name]):
            left_out.append(f"{name} (it numbers the rows)")
        else:
            ids += [name] * may_be_ids(held)
            numbers[name] = held.mean(), held.std(), held.min(), held.max()
    if not numbers and not words:
        raise UserError(f"data: no column is left to learn from; left out: {', '.join(left_out) or 'none'}")
    lacking = [count for name in numbers if (count := _gaps(columns[name], name))]
    notes.append(f"columns: {len(numbers)} numbers and {len(words)} categories, a token each")
    if left_out:
        notes.append(f"left out: {', '.join(left_out)}")
    if lacking:
        every = sum(len(columns[name]) for name in numbers)
        notes.append(
            f"missing: {sum(lacking):,} of {every:,} numbers {'is' if sum(lacking) == 1 else 'are'} missing, in "
            f"{len(lacking)} column{'s' * (len(lacking) > 1)}, and masked"
        )
    notes.append(f"scale: each number is brought to mean 0 and spread 1, as measured on {len(places):,} rows")
    limits = [
        tuple(float(np.float32((end - mean) / spread)) for end in (low, high))
        for mean, spread, low, high in numbers.values()
    ]
    table = Table(len(numbers), tuple(len(one) + 1 for one in words.values()), limits, bool(lacking))  # type: ignore[arg-type]
    mean, spread = (tuple(float(one[place]) for one in numbers.values()) for place in range(2))
    return TableForm(table, tuple(numbers), mean, spread, tuple(words), tuple(words.values()), tuple(ids))


def is_text(values: Column) -> bool:
    """Whether a column holds texts: different ones, of several words each."""
    cells = [cell for cell in values[:2000] if cell is not None] if values.dtype.kind == "O" else []
    many = len(set(cells)) > max(1, len(cells) / 10)
    return bool(cells) and many and float(np.mean([len(cell.split()) for cell in cells])) >= _TEXT


def number_column(values: NDArray[Any], name: str, rows: NDArray[Any] | range | None = None) -> NDArray[np.float64]:
    """float64 [N], NaN where a cell is empty.

    Args:
        values: the cells.
        name: of the column.
        rows: where the cells stand in it, unless they are all of it.

    Raises:
        UserError: it holds words, or infinite values.
    """
    if values.dtype.kind == "O":
        raise UserError(f"data: column {name!r} holds words, but numbers where the encoder was trained")
    numbers = values.astype(np.float64)
    if np.isinf(numbers).any():
        first = int(np.isinf(numbers).argmax())
        first = first if rows is None else int(rows[first])
        raise InfiniteError(f"data: column {name!r} holds infinite values, first in row {first}")
    return numbers


def _gaps(column: Column, name: str) -> int:
    """How many cells are empty.

    Raises:
        UserError: one is infinite.
    """
    lacking = (np.isnan(number_column(column[run], name, range(run.start, run.stop))) for run in runs(len(column)))
    return sum(int(one.sum()) for one in lacking)


def _found(columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in columns:
        raise UserError(f"data: there is no column {name!r}, which the encoder was trained with")
    return columns[name]
