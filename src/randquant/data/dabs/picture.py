"""The path of a picture in, its pixels out as the benchmark takes them: squashed to a square, from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from randquant.data.present import reading
from randquant.spec import Grid

SIDE = 224
GRID = Grid(channels=3, size=(SIDE, SIDE), patch=(16, 16))

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Pictures:
    """Reads picture files; the `read` of `Items`.

    Args:
        paths: one a sample.
        boxes: the part of each that is kept, (left, top, right, bottom) in pixels; None for all of it.
    """

    paths: Sequence[Path]
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
