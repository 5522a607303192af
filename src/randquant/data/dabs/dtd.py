"""The folder of the Describable Textures Dataset in; photographs of 47 textures out.

Source: M. Cimpoi et al., "Describing Textures in the Wild", CVPR 2014.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_LISTS = ("train1.txt", "val1.txt", "test1.txt")


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The first official partition: its training and validation lists, 3,760, and its test list, 1,880."""
    folder = folder_of(entry, root, *(f"dtd/labels/{name}" for name in _LISTS), "dtd/images") / "dtd"
    names: list[str] = []
    words, training = [], 0
    for file in _LISTS:
        training = len(names)  # at last: before the test list
        with reading(folder / "labels" / file):
            for name in (folder / "labels" / file).read_text().split():
                word, _ = name.split("/")
                names.append(name)
                words.append(word)
    classes = sorted(set(words))
    target = torch.tensor([classes.index(word) for word in words])
    found = parts(folder / "images", names, torch.arange(len(names)) < training, target)
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, tuple(classes))


ENTRIES = (
    Entry(
        name="dtd",
        title="DTD (Textures)",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="dtd",
        layout="dtd/{labels/{train1.txt, val1.txt, test1.txt}, images/<texture>/*.jpg}",
        size="600 MB",
        licence="free; research only",
        sources=(
            Source(
                "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
                md5="fff73e5086ae6bdbea199a49dfb8a4c1",
            ),
        ),
    ),
)
