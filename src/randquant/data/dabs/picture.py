"""Files of pictures in, their pixels out as the benchmark takes them: squashed to a square, from 0 to 1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from randquant.data.files import Files
from randquant.data.items import Items
from randquant.data.present import reading
from randquant.errors import UserError
from randquant.spec import Grid

SIDE = 224
AUROC = (
    "The AUROC is that of the test part alone, faithful or not; whether the published one holds outputs of the "
    "training part too is not told."
)
GRID = Grid(channels=3, size=(SIDE, SIDE), patch=(16, 16))

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Pictures:
    """Reads picture files; the `read` of `Items`.

    Args:
        paths: one a sample.
        boxes: the part of each that is kept, (left, top, right, bottom) in pixels; None for all of it.
    """

    paths: Sequence[Path] | Files
    boxes: Sequence[Box] | None = None

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.paths[position]
        with reading(path), Image.open(path) as image:
            return (pixels(image, None if self.boxes is None else self.boxes[position]),)


def pixels(image: Image.Image, box: Box | None = None) -> Tensor:
    """uint8 [3, 224, 224]: colours, cut to the box, then resized without keeping the aspect ratio, antialiased."""
    colours = image.convert("RGB")
    square = (colours if box is None else colours.crop(box)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1).contiguous()


def parts(
    folder: Path,
    names: Sequence[str],
    train: Tensor,
    target: Tensor,
    groups: Tensor | None = None,
    boxes: Sequence[Box] | None = None,
) -> dict[str, Items]:
    """The parts "train" and "test" of pictures that are numbered in the order given.

    Args:
        folder: that the pictures stand in.
        names: the path of each from there on.
        train: bool [N], whether it is for training; the others are for testing.
        target, groups: as `Items` has them, of all N.
        boxes: as `Pictures` has them, of all N.

    Raises:
        UserError: one of the two would be empty.
    """
    if bool(train.all()) or not bool(train.any()):
        raise UserError(f"data: {folder} must hold pictures for training and for testing, but lacks one of them")
    files = np.array([os.fsencode(name) for name in names])
    found = {}
    for part, chosen in (("train", train), ("test", ~train)):
        ids = chosen.nonzero().squeeze(1)
        kept = None if boxes is None else [boxes[number] for number in ids.tolist()]
        reader = Pictures(Files(folder, files[ids.numpy()]), kept)
        found[part] = Items(ids, reader, target[ids], None if groups is None else groups[ids])
    return found
