"""The pictures, captions and objects of MSCOCO in; photographs with a sentence about each out.

Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.captioned import LENGTH, Captioned, listed
from randquant.data.dabs.picture import GRID
from randquant.data.dabs.vocabularies import bert
from randquant.data.entry import Entry, Source
from randquant.data.files import Files
from randquant.data.items import Items
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.spec import Spec, Target

_PARTS = {"train": "train2017", "test": "val2017"}


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation pictures that have a caption and an object: the last one of each."""
    tables = [f"annotations/{kind}_{end}.json" for kind in ("instances", "captions") for end in _PARTS.values()]
    folder = folder_of(entry, root, *tables, *_PARTS.values())
    words = bert(root, LENGTH)
    parts: dict[str, Items] = {}
    classes: dict[int, str] = {}  # words by their number in the file
    first = 0
    for part, name in _PARTS.items():
        table, captions = (folder / "annotations" / f"{kind}_{name}.json" for kind in ("instances", "captions"))
        kinds, objects = listed(table, "categories", "annotations", without="segmentation")
        (told,) = listed(captions, "annotations", without="id")
        with reading(captions):
            texts = {one["image_id"]: (str(one["caption"]),) for one in told}
        with reading(table):
            classes = classes or {one["id"]: one["name"] for one in kinds}
            labels = {number: label for label, number in enumerate(classes)}
            found = [(one["image_id"], labels[one["category_id"]]) for one in objects if one["image_id"] in texts]
        if not faithful:
            found = sorted(dict(found).items())
        if not found:
            raise UserError(f"data: {table} must hold objects in pictures with a caption, but has none; fetch it again")
        pictures = [number for number, _ in found]
        files = Files(folder / name, np.array([f"{number:012d}.jpg".encode() for number in pictures]))
        parts[part] = Items(
            torch.arange(first, first + len(found)),
            Captioned(files, [texts[number] for number in pictures], words),
            torch.tensor([label for _, label in found]),
            torch.tensor(pictures),
        )
        first += len(found)
    return entry.dataset(Spec((GRID, words.spec), Target("class", len(classes))), parts, tuple(classes.values()))


ENTRIES = (
    Entry(
        name="mscoco",
        title="MSCOCO",
        domain="vision_language",
        roles=("pretrain",),
        read=read,
        folder="mscoco",
        layout="train2017/*.jpg, val2017/*.jpg and annotations/{instances,captions}_{train,val}2017.json",
        size="19 GB",
        licence="free; the terms of Flickr",
        sources=tuple(
            Source(f"http://images.cocodataset.org/{name}", sha256=known)
            for name, known in (
                ("zips/train2017.zip", "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"),
                ("zips/val2017.zip", "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"),
                (
                    "annotations/annotations_trainval2017.zip",
                    "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                ),
            )
        ),
        needs=("bert-base-uncased",),
        differences=(
            "A picture is one sample, labelled with the kind of its last object, as in the benchmark's code since "
            "September 2022; the published encoders saw it once for every object in it.",
        ),
    ),
)
