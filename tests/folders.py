"""Small folders of photographs, drawn by the test itself: the class is the texture, colours say nothing about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("across", "checks", "down", "rings")  # none becomes another in a mirror


def draw(seed: int, kind: str = "across", width: int = 40, height: int = 36) -> Image.Image:
    """A texture in two random colours, with noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(float)
    pitch, phase = 2 * np.pi / generator.uniform(5, 8), generator.uniform(0, 2 * np.pi, 2)
    across, down = np.sin(pitch * x + phase[0]), np.sin(pitch * y + phase[1])
    middle = generator.uniform(0.3, 0.7, 2) * (height, width)
    rings = np.sin(pitch * np.hypot(y - middle[0], x - middle[1]) + phase[0])
    wave = {"across": across, "down": down, "checks": across * down, "rings": rings}[kind] / 2 + 0.5
    first, second = generator.uniform(0, 1, (2, 3))
    colours = wave[..., None] * first + (1 - wave[..., None]) * second
    colours += generator.normal(0, 0.05, colours.shape)
    return Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8))


def textures(folder: Path, each: int = 8, tested: int = 4) -> Path:
    """train/<class>/*.png and val/<class>/*.png."""
    for number, name in enumerate(CLASSES):
        for part, count, first in (("train", each, 0), ("val", tested, 5000)):
            where = folder / part / name
            for place in range(count):
                where.mkdir(parents=True, exist_ok=True)
                draw(first + 1000 * number + place, name).save(where / f"{place:03}.png")
    return folder
