"""An opened path in, the same with its infinite values taken for missing out: for who looks at what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.arrays import ArraySource
from randquant.data.own.samples import HELD
from randquant.data.own.series import SeriesSource
from randquant.data.own.source import Source
from randquant.data.own.stored import Column
from randquant.data.own.tables import TableSource


def without_infinities(source: Source) -> None:
    """Make infinite values of arrays that fit into memory, and of tables, NaN; others stay as they are."""
    if isinstance(source, ArraySource) and source.array().nbytes <= HELD:
        source.held = _finite(source.array())
    elif isinstance(source, TableSource | SeriesSource):
        source.columns = {name: _column(one) for name, one in source.columns.items()}


def _column(column: Column) -> Column:
    return column if column.dtype.kind == "O" or not np.isinf(column[:]).any() else _finite(column[:])


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.isinf(values), np.nan, values)
