"""The folder of CUB-200-2011 in; photographs of birds of 200 species out.

Source: C. Wah et al., "The Caltech-UCSD Birds-200-2011 Dataset", 2011.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "CUB_200_2011"
_TABLES = ("classes.txt", "images.txt", "image_class_labels.txt", "train_test_split.txt")


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official parts, 5,994 and 5,794 photographs, uncropped."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{name}" for name in (*_TABLES, "images"))) / _FOLDER
    words, names, labels, training = (_column(folder / name) for name in _TABLES)
    numbers = sorted(names)
    classes = {number: place for place, number in enumerate(sorted(words))}
    with reading(folder / "image_class_labels.txt"):
        target = torch.tensor([classes[int(labels[number])] for number in numbers])
    with reading(folder / "train_test_split.txt"):
        train = torch.tensor([{"1": True, "0": False}[training[number]] for number in numbers])
    found = parts(folder / "images", [names[number] for number in numbers], train, target)
    species = tuple(words[number].partition(".")[2].replace("_", " ") for number in classes)
    return entry.dataset(Spec((GRID,), Target("class", len(species))), found, species)


def _column(file: Path) -> dict[int, str]:
    """The lines of a file by the number that each begins with."""
    with reading(file):
        pairs = (line.split(maxsplit=1) for line in file.read_text().splitlines())
        return {int(number): value.strip() for number, value in pairs}


ENTRIES = (
    Entry(
        name="cu_birds",
        title="Birds",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="cu_birds",
        layout="CUB_200_2011/{classes.txt, images.txt, image_class_labels.txt, train_test_split.txt, images/}",
        size="1.1 GB",
        licence="free; research only",
        sources=(
            Source(
                "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                md5="97eceeb196236b17998738112f37df78",
            ),
        ),
    ),
)
