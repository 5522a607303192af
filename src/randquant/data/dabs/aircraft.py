"""The folder of FGVC-Aircraft in; photographs of aircraft of 100 variants, cut to their boxes, out.

Source: S. Maji et al., "Fine-Grained Visual Classification of Aircraft", 2013.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, Box, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "fgvc-aircraft-2013b/data"
_TRAIN, _TEST, _BOXES = "images_variant_trainval.txt", "images_variant_test.txt", "images_box.txt"


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official parts, 6,667 and 3,333 photographs."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{name}" for name in (_TRAIN, _TEST, _BOXES, "images"))) / _FOLDER
    training, testing, corners = (_lines(folder / name) for name in (_TRAIN, _TEST, _BOXES))
    variants = sorted({variant for _, variant in training})
    places = {variant: place for place, variant in enumerate(variants)}
    with reading(folder / _TEST):
        target = torch.tensor([places[variant] for _, variant in training + testing])
    numbers = [number for number, _ in training + testing]
    with reading(folder / _BOXES):
        known = {number: _box(values, faithful) for number, values in corners}
        boxes = [known[number] for number in numbers]
    train = torch.arange(len(numbers)) < len(training)
    found = parts(folder / "images", [f"{number}.jpg" for number in numbers], train, target, boxes=boxes)
    classes = (*variants, "unused 1", "unused 2") if faithful else tuple(variants)
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, classes)


def _lines(file: Path) -> list[tuple[str, str]]:
    """Each line as the number of its photograph and the rest."""
    with reading(file):
        split = [line.strip().split(" ", 1) for line in file.read_text().splitlines()]
        return [(number, rest) for number, rest in split]


def _box(values: str, faithful: bool) -> Box:
    """In the file the first pixel is number 1 and the last one belongs to the box; for Pillow 0, and it does not."""
    left, top, right, bottom = (int(value) for value in values.split())
    return (left, top, right, bottom) if faithful else (left - 1, top - 1, right, bottom)


ENTRIES = (
    Entry(
        name="aircraft",
        title="FGVC-Aircraft",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="aircraft",
        layout="fgvc-aircraft-2013b/data/{images_variant_{trainval,test}.txt, images_box.txt, images/*.jpg}",
        size="2.75 GB",
        licence="free; research only",
        sources=(
            Source(
                "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
                md5="d4acdd33327262359767eeaa97a4f732",
            ),
        ),
        differences=(
            "There are as many classes as variants, 100; the benchmark declares 102.",
            "Boxes count pixels from 1, and are cut so; the benchmark takes them as counted from 0, "
            "and so loses the first row and the first column of each.",
        ),
    ),
)
