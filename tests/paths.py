"""Small files and folders of every kind that a path may be, made by the tests themselves."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)
COUNT = 24
LABELS = ["no", "yes"] * (COUNT // 2)


def table(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def people(folder: Path) -> Path:
    """A table with a number, a number that is missing here and there, a category, and what is no input."""
    rows = [
        (row, RNG.normal(), "" if row % 7 == 3 else RNG.normal(), "abc"[row % 3], LABELS[row], f"p{row // 4}", "same")
        for row in range(COUNT)
    ]
    return table(folder / "people.csv", ("row", "age", "income", "city", "y", "person", "still"), rows)


def commas(folder: Path) -> Path:
    """A table with decimal commas, as it is written where a semicolon divides cells."""
    rows = [(f"{RNG.normal():.2f}", "" if row % 7 == 3 else f"{row % 5 + 1}.234", row % 3) for row in range(COUNT)]
    lines = [";".join(map(str, one)).replace(".", ",") for one in rows]
    (folder / "commas.csv").write_text("\n".join(["age;income;rooms", *lines]) + "\n", encoding="utf-8")
    return folder / "commas.csv"


def long(folder: Path) -> Path:
    """Series of 10 to 33 steps, their rows in reverse."""
    rows = [
        (f"s{one}", -step, RNG.normal(), step, LABELS[one], f"g{one % 6}")
        for one in range(COUNT)
        for step in range(10 + one)
    ]
    return table(folder / "long.csv", ("series", "when", "a", "b", "y", "person"), rows)


def texts(folder: Path) -> Path:
    lines = [f"The film number {row} was {'good' if row % 2 else 'bad'}" for row in range(COUNT)]
    (folder / "texts.txt").write_text("\n".join([*lines[:5], "", *lines[5:]]) + "\n", encoding="utf-8")
    return folder / "texts.txt"


def records(folder: Path) -> Path:
    lines = [json.dumps({"text": f"film {row} was good", "y": LABELS[row]}) for row in range(COUNT)]
    (folder / "records.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "records.jsonl"


def array(shape: tuple[int, ...], dtype: str = "float32") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.save(folder / "array.npy", (100 * RNG.random((COUNT, *shape))).astype(dtype))
        return folder / "array.npy"

    return make


def archive(folder: Path) -> Path:
    np.savez(folder / "archive.npz", x=RNG.normal(size=(COUNT, 3, 16)), y=np.arange(COUNT) % 2)
    return folder / "archive.npz"


def pictures(folder: Path) -> Path:
    """Two classes of colour pictures of two sizes."""
    for row in range(COUNT):
        (folder / "pictures" / LABELS[row]).mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 255, (20, 16 + row % 2, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / LABELS[row] / f"{row:02}.png")
    return folder / "pictures"


def bands(folder: Path) -> Path:
    """Pictures of five channels."""
    import tifffile

    (folder / "bands").mkdir()
    for row in range(COUNT):
        tifffile.imwrite(folder / "bands" / f"{row:02}.tif", RNG.integers(0, 6000, (5, 12, 12)).astype(np.uint16))
    return folder / "bands"


def captioned(folder: Path) -> Path:
    (folder / "captioned").mkdir()
    for row in range(COUNT // 2):
        pixels = RNG.integers(0, 255, (12, 12)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "captioned" / f"{row}.png")
    rows = [(f"{row // 2}.png", f"this is caption number {row}", LABELS[row]) for row in range(COUNT)]
    table(folder / "captioned" / "captions.csv", ("file", "caption", "y"), rows)
    return folder / "captioned"


def sounds(folder: Path) -> Path:
    """Recordings of a quarter to half a second."""
    import soundfile

    (folder / "sounds").mkdir()
    for row in range(COUNT):
        clip = 0.3 * np.sin(np.arange(2000 + 100 * row) * (0.3 + 0.01 * row))
        soundfile.write(folder / "sounds" / f"{row:02}.wav", clip, 8000)
    return folder / "sounds"
