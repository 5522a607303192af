"""The photographs of Oxford Flowers and the file of their labels in; flowers of 102 kinds out.

Source: M.-E. Nilsback and A. Zisserman, "Automated Flower Classification over a Large Number of Classes", ICVGIP 2008.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_CLASSES = 102
_URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The benchmark's own parts, four fifths and a fifth of each kind; it leaves the official ones aside."""
    from scipy.io import loadmat  # a third of a second: only for those who read it

    folder = folder_of(entry, root, "imagelabels.mat", "jpg")
    with reading(folder / "imagelabels.mat"):
        labels = loadmat(folder / "imagelabels.mat")["labels"].ravel().astype(np.int64) - 1
        if not len(labels) or labels.min() < 0 or labels.max() >= _CLASSES:
            raise ValueError(f"labels must be from 1 to {_CLASSES}")
    train = np.zeros(len(labels), dtype=bool)
    state = np.random.RandomState(42)  # one for all kinds, so their order, that of first appearance, matters
    for label in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == label)
        state.shuffle(rows)
        train[rows[: int(0.8 * len(rows))]] = True
    names = [f"image_{number:05d}.jpg" for number in range(1, len(labels) + 1)]
    found = parts(folder / "jpg", names, torch.from_numpy(train), torch.from_numpy(labels))
    # The archive has no words for its kinds.
    words = tuple(f"flower {number}" for number in range(1, _CLASSES + 1))
    return entry.dataset(Spec((GRID,), Target("class", _CLASSES)), found, words)


ENTRIES = (
    Entry(
        name="vgg_flower",
        title="VGG Flower",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="vgg_flower",
        layout="imagelabels.mat and jpg/image_00001.jpg … jpg/image_08189.jpg",
        size="345 MB",
        licence="free",
        sources=(
            Source(f"{_URL}/102flowers.tgz", md5="52808999861908f626f3c1f4e79d11fa"),
            Source(f"{_URL}/imagelabels.mat", md5="e0620be6f572b9609742df49c70aed4d", unpack=False),
        ),
    ),
)
