"""ImageNet's folders of photographs, one a class, in; 224x224 photographs of a thousand classes of things out.

Source: O. Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.libraries import library
from randquant.spec import Spec, Target


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation photographs; a class is the place of its folder among the sorted names."""
    loader: Any = library("torchvision.datasets", "vision", "data").ImageFolder
    folder = folder_of(entry, root, "train")
    validation = "validation" if (folder / "validation").exists() else "val"
    folder_of(entry, root, validation)
    classes = _folders(folder / "train")
    if _folders(folder / validation) != classes:
        raise UserError(
            f"data: {folder / validation} must hold the same class folders as {folder / 'train'}; "
            "sort the validation pictures into them"
        )
    names, labels, training = [], [], 0
    for part in ("train", validation):
        with reading(folder / part):
            for path, label in loader(folder / part).samples:
                names.append(path[len(str(folder)) + 1 :])
                labels.append(label)
        training = training or len(names)
    found = parts(folder, names, torch.arange(len(names)) < training, torch.tensor(labels))
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, tuple(classes))


def _folders(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.is_dir())


ENTRIES = (
    Entry(
        name="imagenet",
        title="ImageNet",
        domain="images",
        roles=("pretrain",),
        read=read,
        folder="imagenet",
        layout="train/<class>/*.JPEG and validation/<class>/*.JPEG (val does as well)",
        size="144 GB",
        licence="registration; research only",
        obtain="from image-net.org; unpack the archive of each class into a folder of its name, and sort the "
        "validation photographs into such folders (torchvision.datasets.ImageNet does both)",
    ),
)
