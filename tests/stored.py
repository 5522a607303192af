"""Samples in a file of rows, opened anew at each reading: what worker processes are given.

Those that go wrong stand here too, since a worker that is to find them loads their file, and this one imports little.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from randquant.data import Batch


class OnDisk:
    """One array a file, [N, ...]."""

    def __init__(self, path: Path, ids: Tensor) -> None:
        self.path, self.ids = path, ids

    def take(self, rows: Tensor) -> Batch:
        values = np.load(self.path, mmap_mode="r")[rows.numpy()]
        return Batch(self.ids[rows], (torch.from_numpy(np.array(values)),))


class Torn(OnDisk):
    """One of them cannot be read as long as there is a file named torn beside them."""

    def __init__(self, path: Path, ids: Tensor, row: int, error: Exception) -> None:
        super().__init__(path, ids)
        self.row, self.error = row, error

    def take(self, rows: Tensor) -> Batch:
        if (rows == self.row).any() and self.path.with_name("torn").exists():
            raise self.error
        return super().take(rows)


class Deadly(OnDisk):
    """The process that reads one of them gets a signal: it is killed, as the system does it where memory runs out."""

    def __init__(self, path: Path, ids: Tensor, row: int, number: signal.Signals = signal.SIGKILL) -> None:
        super().__init__(path, ids)
        self.row, self.number = row, number

    def take(self, rows: Tensor) -> Batch:
        if (rows == self.row).any():
            os.kill(os.getpid(), self.number)
        return super().take(rows)
