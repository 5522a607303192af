"""Rows of samples in, batches out: samples as a data set of torch's, which worker processes can be given.

It stands by itself, so that a worker loads neither methods nor loops.
"""

from __future__ import annotations

from torch import Tensor
from torch.utils.data import Dataset

from randquant.data.batch import Batch, Samples


class Reader(Dataset[Batch]):
    """Gives whole batches: its index is a tensor of rows."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, rows: Tensor) -> Batch:
        return self._samples.take(rows)
