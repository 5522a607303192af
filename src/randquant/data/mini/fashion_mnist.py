"""Four gzipped files of Fashion-MNIST in; grey photographs of 28x28 pixels of ten kinds of clothes out.

The task is to tell the kind of one piece of clothing, centred on a black ground; it is not about scenes or colours.
8,000 of the 60,000 training and 2,500 of the 10,000 test photographs are taken, by a keyed draw from each official
part.

Source: H. Xiao et al., "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", 2017.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry, Package
from randquant.data.present import folder_of, reading
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target

_FOLDER = "usr/share/datasets/fashion-mnist"
_PARTS = {"train": ("train", 8000), "test": ("t10k", 2500)}  # the files' name, the photographs taken
_SIDE = 28
_WORDS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SPEC = Spec((Grid(channels=1, size=(_SIDE, _SIDE), patch=(4, 4)),), Target("class", len(_WORDS)))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 1, 28, 28]; the ids number the training files first, then the test files."""
    names = {
        part: (f"{file}-images-idx3-ubyte.gz", f"{file}-labels-idx1-ubyte.gz") for part, (file, _) in _PARTS.items()
    }
    folder = folder_of(entry, root, *(f"{_FOLDER}/{name}" for pair in names.values() for name in pair)) / _FOLDER
    parts, first = {}, 0
    for part, (of_pixels, of_labels) in names.items():
        pixels, labels = _numbers(folder / of_pixels, 3), _numbers(folder / of_labels, 1)
        with reading(folder / of_labels):
            if len(labels) != len(pixels) or not len(labels) or labels.max() >= len(_WORDS):
                raise ValueError(f"{len(labels)} labels for {len(pixels)} photographs, from 0 to {len(_WORDS) - 1}")
        ids = torch.arange(first, first + len(labels))
        rows = Draws(seed=0, epoch=0, ids=ids).permutation("taken")[: _PARTS[part][1]].sort().values
        images = torch.from_numpy(pixels[rows.numpy()]).float().unsqueeze(1) / 255  # [B, 1, 28, 28]
        parts[part] = Batch(ids[rows], (images,), torch.from_numpy(labels[rows.numpy()]).long())
        first += len(labels)
    return entry.dataset(SPEC, parts, _WORDS)


def _numbers(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The bytes of an idx file: two zeros, the type, the number of dimensions, their sizes, then the values."""
    with reading(path):
        content = gzip.decompress(path.read_bytes())
        size = np.frombuffer(content, ">u4", dimensions, 4)
        if content[:4] != bytes((0, 0, 8, dimensions)) or list(size[1:]) != [_SIDE] * (dimensions - 1):
            raise ValueError(f"its head must be that of bytes in {dimensions} dimensions, pictures of {_SIDE}x{_SIDE}")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(size)


ENTRIES = (
    Entry(
        name="fashion_mnist",
        title="Fashion-MNIST",
        domain="images",
        roles=("mini",),
        read=read,
        folder="mini/fashion_mnist",
        layout=f"{_FOLDER}/{{train, t10k}}-{{images-idx3, labels-idx1}}-ubyte.gz",
        size="31 MB",
        licence="MIT (Expat)",
        packages=(
            Package(
                client="apt",
                name="dataset-fashion-mnist",
                version="0.0~git20200523.55506a9-1",
                sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
                members=(f"{_FOLDER}/*-ubyte.gz",),
            ),
        ),
        batch=128,
    ),
)
