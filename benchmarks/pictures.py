"""A number in, a folder of JPEG pictures out: smooth colours, so that they compress as photographs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Pictures of 256x256 pixels, all in one class folder: what ImageFolder and its kin read."""
    folder = folder / "one"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
        picture = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-8, 9, picture.shape)
        paths.append(folder / f"{number:05d}.jpg")
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths
