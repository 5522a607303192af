"""A name or a path in, a data set out."""

from __future__ import annotations

from types import ModuleType

from randquant.data import digits
from randquant.data.batch import Dataset
from randquant.errors import UserError

DATASETS: dict[str, ModuleType] = {"digits": digits}


def open_data(name: str) -> Dataset:
    """Open a data set of the catalogue.

    Raises:
        UserError: the name is not in the catalogue.
    """
    if name not in DATASETS:
        raise UserError(f"data: got {name!r}, must be one of: {', '.join(DATASETS)}")
    dataset: Dataset = DATASETS[name].load()
    return dataset
