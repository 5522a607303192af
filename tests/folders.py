"""Small folders of photographs, drawn by the test itself: stripes whose direction is the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SLOPES = {"across": (1.0, 0.0), "down": (0.0, 1.0), "rising": (0.7, 0.7), "falling": (0.7, -0.7)}


def draw(seed: int, slope: tuple[float, float], width: int = 40, height: int = 36) -> Image.Image:
    """Stripes in two random colours, with noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    phase, pitch = generator.uniform(0, 2 * np.pi), generator.uniform(5, 8)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (slope[0] * x + slope[1] * y) / pitch + phase)
    first, second = generator.uniform(0, 1, (2, 3))
    colours = wave[..., None] * first + (1 - wave[..., None]) * second
    colours += generator.normal(0, 0.08, colours.shape)
    return Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8))


def stripes(folder: Path, each: int = 8, tested: int = 4) -> Path:
    """train/<class>/*.png and val/<class>/*.png."""
    for number, (name, slope) in enumerate(SLOPES.items()):
        for part, count, first in (("train", each, 0), ("val", tested, 5000)):
            where = folder / part / name
            for place in range(count):
                where.mkdir(parents=True, exist_ok=True)
                draw(first + 1000 * number + place, slope).save(where / f"{place:03}.png")
    return folder
