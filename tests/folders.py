"""Small folders of photographs, drawn by the test itself: colours say nothing about the class.

Of `textures`, a picture's two colours tell it from all others, so a method that tells pictures apart may learn colours
and nothing else. Of `parts`, what two crops of a picture share is the shape of its parts, which is the class, and the
colour of the ground, unless all pictures have the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
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


SHAPES = ("across", "cross", "down", "ring")  # none becomes another in a mirror


def scatter(seed: int, shape: str, side: int = 64, cells: int = 4, *, grey: bool = False) -> Image.Image:
    """Parts of one shape, each of a colour, size and place of its own, on a ground of a colour or grey, with noise."""
    generator = np.random.default_rng(seed)
    ground = generator.uniform(0.35, 0.65, 3)
    if grey:
        ground = np.full(3, 0.5)
    colours = np.broadcast_to(ground, (side, side, 3)).copy()
    y, x = np.mgrid[:side, :side] + 0.5
    cell = side / cells
    for row, column in np.ndindex(cells, cells):
        if generator.uniform() > 0.85:
            continue
        middle = (np.array([row, column]) + 0.5 + generator.uniform(-0.25, 0.25, 2)) * cell
        radius = cell * generator.uniform(0.38, 0.52)
        light = generator.choice([-1, 1]) * generator.uniform(0.25, 0.6) * generator.uniform(0.3, 1, 3)
        colours[_shape((y - middle[0]) / radius, (x - middle[1]) / radius, shape)] = ground + light
    colours += generator.normal(0, 0.08, colours.shape)
    return Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8))


def _shape(y: NDArray[np.float64], x: NDArray[np.float64], shape: str) -> NDArray[np.bool_]:
    """Which places are in a part that reaches from -1 to 1; all shapes have about as many."""
    down, across = np.abs(y), np.abs(x)
    if shape == "ring":
        return (np.hypot(y, x) <= 0.62) & (np.hypot(y, x) >= 0.25)
    if shape == "cross":
        return (np.minimum(down, across) <= 0.24) & (np.maximum(down, across) <= 0.72)
    return (down <= 0.32) & (across <= 1) if shape == "across" else (across <= 0.32) & (down <= 1)


def parts(folder: Path, each: int = 40, tested: int = 24, seed: int = 0, *, grey: bool = False) -> Path:
    """train/<shape>/*.png and val/<shape>/*.png; other seeds are other pictures. All grounds are grey, or none."""
    for number, name in enumerate(SHAPES):
        for part, count, first in (("train", each, 0), ("val", tested, 500)):
            where = folder / part / name
            where.mkdir(parents=True)
            for place in range(count):
                picture = scatter(100_000 * seed + 1000 * number + first + place, name, grey=grey)
                picture.save(where / f"{place:03}.png")
    return folder


def textures(folder: Path, each: int = 8, tested: int = 4) -> Path:
    """train/<class>/*.png and val/<class>/*.png."""
    for number, name in enumerate(CLASSES):
        for part, count, first in (("train", each, 0), ("val", tested, 5000)):
            where = folder / part / name
            for place in range(count):
                where.mkdir(parents=True, exist_ok=True)
                draw(first + 1000 * number + place, name).save(where / f"{place:03}.png")
    return folder
