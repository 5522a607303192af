"""CIFAR-10's pickled batches in; 32x32 photographs of ten classes of things out, enlarged to 224x224.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, pixels
from randquant.data.entry import Entry, Source
from randquant.data.items import Items
from randquant.data.present import check_sum, folder_of, reading
from randquant.libraries import library
from randquant.spec import Spec, Target


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official parts, 50,000 and 10,000 photographs."""
    loader: Any = library("torchvision.datasets", "vision", "data").CIFAR10
    sums = {f"{loader.base_folder}/{name}": md5 for name, md5 in loader.train_list + loader.test_list}
    folder = folder_of(entry, root, *sums)
    for name, md5 in sums.items():
        check_sum(folder / name, md5=md5)
    parts, first, classes = {}, 0, ()
    for part in ("train", "test"):
        with reading(folder / loader.base_folder):
            loaded = loader(folder, train=part == "train")
        ids = torch.arange(first, first + len(loaded.targets))
        parts[part] = Items(ids, _Enlarged(loaded.data), torch.tensor(loaded.targets))
        first, classes = first + len(ids), tuple(loaded.classes)
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), parts, classes)


@dataclass(frozen=True)
class _Enlarged:
    photographs: NDArray[np.uint8]  # [N, 32, 32, 3]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        return (pixels(Image.fromarray(self.photographs[position])),)


ENTRIES = (
    Entry(
        name="cifar10",
        title="CIFAR-10",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="cifar10",
        layout="cifar-10-batches-py/{data_batch_1 … data_batch_5, test_batch, batches.meta}",
        size="170 MB",
        licence="free",
        sources=(
            Source("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", md5="c58f30108f718f92721af3b95e74349a"),
        ),
    ),
)
