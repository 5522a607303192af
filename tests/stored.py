"""Samples in a file of rows, opened anew at each reading: what worker processes are given."""

from __future__ import annotations

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
