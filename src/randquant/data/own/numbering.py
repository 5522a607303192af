"""A column of numbers in, whether it numbers the rows out, or may be an id: then it says which row, no more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.stored import Column, runs

_MANY = 20  # rows
_FIRST = 10_000  # rows that are looked at before all are


def numbers_rows(column: Column) -> bool:
    """Whether it counts all rows in steps of 1, in any order, or in many rows holds whole numbers that only rise.

    Of a mapped column a stretch is in memory at a time, and a byte for each row.
    """
    first = _floats(column[:_FIRST])
    if len(first) < 3 or not np.isfinite(first).all() or not _all_differ(first) or ((first - first[0]) % 1).any():
        return False
    return (len(column) >= _MANY and _rises(column)) or _counts(column)


def may_be_ids(values: NDArray[Any]) -> bool:
    """Whether they are whole numbers in many rows, no two of them alike."""
    return len(values) >= _MANY and all(
        _all_differ(some) and not (_floats(some) % 1).any() for some in (values[:_FIRST], values)
    )


def _rises(column: Column) -> bool:
    before = -np.inf
    for run in runs(len(column)):
        values = _floats(column[run])
        if not (np.isfinite(values).all() and (np.diff(values, prepend=before) > 0).all() and not (values % 1).any()):
            return False
        before = values[-1]
    return True


def _counts(column: Column) -> bool:
    ends = [(float(one.min()), float(one.max())) for one in (_floats(column[run]) for run in runs(len(column)))]
    low, high = min(one for one, _ in ends), max(one for _, one in ends)
    if high - low != len(column) - 1:
        return False
    met = np.zeros(len(column), bool)
    for run in runs(len(column)):
        places = _floats(column[run]) - low
        if (places % 1).any():
            return False
        met[places.astype(np.int64)] = True
    return bool(met.all())


def _all_differ(values: NDArray[Any]) -> bool:
    return len(np.unique(values)) == len(values)


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return values.astype(np.float64)  # differences of whole numbers of few bits wrap round
