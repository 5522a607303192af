"""A folder of photographs in, one folder a class, a data set out: decoded in workers, cut there by the recipes' crops.

Layouts: `train/<class>/…` and `val/<class>/…` (or `validation`); ImageNet's own, whose `val` holds all pictures in one
folder (`imagenet.py`); `<class>/…`; or pictures alone, which have no labels. Tar files may stand in for the folders of
a part (`shards.py`). Palettes, CMYK, 16 bits and single channels become RGB. What cannot be decoded is skipped: named
in a warning, replaced by the next picture, and an error once it is more than the stated share.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from randquant.data.batch import Batch, Dataset
from randquant.data.boxes import CROP, draw_boxes
from randquant.data.files import Files
from randquant.data.imagenet import validation_classes
from randquant.data.shards import Shards, read_shards
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
TABLES = (".csv", ".tsv", ".parquet")  # beside pictures they say more of them than folders do: `own` reads those
SIDE = 224
HELD = 1 << 28  # bytes up to which a part is held in memory
SKIPPED = 0.01  # the share of pictures that may be broken; one always may
RESIZED = 256 / 224  # of the shorter side to the square that is cut out of the middle
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photographs:
    """Pictures that are decoded when they are taken.

    Args:
        files: where they lie.
        ids: int64 [N].
        side: of the square that a picture becomes, in pixels.
        target: classes, int64 [N], or None.
        allowed: how many may be broken.
    """

    files: Files | Shards
    ids: Tensor
    side: int
    target: Tensor | None = None
    allowed: int = 1
    broken: dict[str, str] = field(default_factory=dict, compare=False)  # path and reason, of this process

    groups: None = None

    def take(self, rows: Tensor) -> Batch:
        """The middle of these pictures, int64 [K]: the shorter side becomes 256/224 of the square cut out.

        Raises:
            UserError: more pictures are broken than may be.
        """
        found = [self._open(row) for row in rows.tolist()]
        return self._batch(rows, found, [_middle(image, self.side) for _, image in found])

    def cut(self, rows: Tensor, draws: Draws, views: int, area: float) -> Batch:
        """Random resized crops of these pictures: the input is [K, views, 3, side, side].

        Args:
            rows: int64 [K].
            draws: of these samples; the same as the partner `rrc` would use.
            views: crops of each.
            area: the smallest share of a picture's area.

        Raises:
            UserError: more pictures are broken than may be.
        """
        found = [self._open(row) for row in rows.tolist()]
        width, height = torch.tensor([image.size for _, image in found]).unbind(dim=1)  # [K]
        boxes = [draw_boxes(draws, CROP, view, height, width, area).tolist() for view in range(views)]
        cut = [
            torch.stack([_part(image, box[place], self.side) for box in boxes])
            for place, (_, image) in enumerate(found)
        ]
        return self._batch(rows, found, cut)

    def _batch(self, rows: Tensor, found: list[tuple[int, Image.Image]], values: list[Tensor]) -> Batch:
        target = None if self.target is None else self.target[[row for row, _ in found]]
        return Batch(self.ids[rows], (torch.stack(values).float() / 255,), target)

    def _open(self, row: int) -> tuple[int, Image.Image]:
        """The picture of a row in RGB, or else of the next one that is whole, and its row."""
        for place in range(row, row + len(self.ids)):
            path = self.files[place % len(self.ids)]
            if str(path) in self.broken:
                continue
            try:
                at = place % len(self.ids)
                return at, read_colours(path, self.files.content(at) if isinstance(self.files, Shards) else None)
            except UserError as problem:
                self._skip(path, problem)
        raise UserError(f"data: {self.files.folder} holds no picture that can be decoded")

    def _skip(self, path: Path, problem: UserError) -> None:
        self.broken[str(path)] = str(problem)
        if len(self.broken) > self.allowed:
            raise UserError(
                f"data: {len(self.broken)} of {len(self.ids)} pictures cannot be decoded, more than {self.allowed}, "
                f"which is allowed; {'; '.join(list(self.broken.values())[-3:])}"
            )
        _log.warning(f"skipped, {len(self.broken)} of at most {self.allowed}: {problem}")


def are_photographs(path: Path | str) -> bool:
    """Whether a path is a folder of pictures, without a table and not of tiffs, which may have other channels."""
    folder = Path(path)
    if not folder.is_dir() or any(one.suffix.lower() in TABLES for one in folder.iterdir()):
        return False
    first = next(_pictures(folder, folder), None)
    if first is None:
        return any((folder / "train").glob("*.tar"))
    return first.suffix.lower() not in (".tif", ".tiff")


def open_photographs(folder: Path | str, *, side: int = SIDE, skipped: float = SKIPPED, batch: int = 256) -> Dataset:
    """A folder of photographs as a data set; nothing is decoded yet.

    Args:
        folder: in one of the layouts above.
        side: of the squares that pictures become.
        skipped: the share of pictures that may be broken; one may in any case.
        batch: samples of a batch unless something else is said.

    Raises:
        UserError: there is no such folder, it holds no pictures, or its two parts hold different classes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"data: {folder} is no folder; give one of photographs, a folder a class")
    grid = Grid(channels=3, size=(side, side), patch=_patch(side))
    teaching, testing = folder, None
    if (folder / "train").is_dir():
        teaching = folder / "train"
        testing = next((folder / name for name in ("val", "validation", "test") if (folder / name).is_dir()), None)
    found = {part: _look(where) for part, where in (("train", teaching), ("test", testing)) if where is not None}
    classes = found["train"].classes
    if testing is not None and classes and not found["test"].classes:
        found["test"] = _listed(found["test"], validation_classes(folder))
    if testing is not None and bool(classes) != bool(found["test"].classes):
        flat, sorted_ones = (testing, teaching) if classes else (teaching, testing)
        raise UserError(f"data: {flat} says no classes; sort all its pictures into folders as in {sorted_ones}")
    if testing is not None and not set(found["test"].classes) <= set(classes):
        raise UserError(f"data: {testing} must hold no other classes than {teaching}")
    parts, first = {}, 0
    for part, one in found.items():
        count = len(one.labels)
        target = torch.tensor([classes.index(one.classes[label]) for label in one.labels]) if classes else None
        ids = torch.arange(first, first + count)
        parts[part] = Photographs(one.files, ids, side, target, max(1, int(skipped * count)))
        first += count
    spec = Spec((grid,), Target("class", len(classes)) if classes else None)
    return Dataset(str(folder), spec, parts, classes, "images", batch=batch)


def held_if_few(dataset: Dataset) -> Dataset:
    """The same photographs, each part in memory where it is small: the middles of all of them, decoded once."""
    parts = dict(dataset.parts)
    for part, samples in dataset.parts.items():
        if 4 * math.prod(dataset.spec.inputs[0].shape) * len(samples.ids) <= HELD:
            parts[part] = samples.take(torch.arange(len(samples.ids)))
    return replace(dataset, parts=parts)


def read_colours(path: Path, content: IO[bytes] | None = None) -> Image.Image:
    """A picture in RGB, from its file or its bytes.

    Raises:
        UserError: it is broken, no picture, or has more pixels than Pillow opens without a warning; names the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path if content is None else content) as image:
                if image.mode.startswith(("I", "F")):  # 16 bits, or 8 in such a form
                    levels = np.asarray(image, dtype=np.float64)
                    most = 65535 if levels.max() > 255 else 1 if image.mode == "F" and levels.max() <= 1 else 255
                    return Image.fromarray((levels / most * 255).round().clip(0, 255).astype(np.uint8)).convert("RGB")
                if "transparency" in image.info:
                    return image.convert("RGBA").convert("RGB")
                return image.convert("RGB")
    except MemoryError:
        raise
    except Exception as problem:  # every decoder has errors of its own
        told = " ".join(str(problem).split())
        raise UserError(f"data: {path} cannot be decoded ({type(problem).__name__}: {told})") from problem


def _classes(folder: Path) -> tuple[str, ...]:
    """The folders of the classes that hold pictures, sorted; none where pictures lie in the folder itself."""
    if any(_is_picture(one) for one in folder.iterdir()):
        return ()
    found = [one for one in sorted(folder.iterdir()) if one.is_dir()]
    return tuple(one.name for one in found if next(_pictures(one, folder), None) is not None)


class Found(NamedTuple):
    """The pictures of a part: where they lie, their classes' words, and the place of each one's among these."""

    files: Files | Shards
    classes: tuple[str, ...]
    labels: list[int]


def _look(folder: Path) -> Found:
    """All pictures below a folder, in the order of their names, in tar files or by themselves."""
    if (sharded := read_shards(folder, SUFFIXES)) is not None:
        shards, numbers = sharded
        words = tuple(map(str, range(max(numbers) + 1))) if numbers else ()
        return Found(shards, words, numbers or [0] * len(shards.members))
    classes = _classes(folder)
    names: list[str] = []
    labels: list[int] = []
    for label, where in enumerate([folder / name for name in classes] or [folder]):
        found = sorted(str(path.relative_to(folder)) for path in _pictures(where, folder))
        names += found
        labels += [label] * len(found)
    if not names:
        raise UserError(f"data: {folder} holds no pictures ({', '.join(SUFFIXES)})")
    return Found(Files(folder, np.array([os.fsencode(name) for name in names])), classes, labels)


def _listed(found: Found, words: dict[str, str]) -> Found:
    """The same pictures with the classes that a list has for them, if there is one."""
    if not words or isinstance(found.files, Shards):
        return found
    names = [found.files[place].stem for place in range(len(found.labels))]
    if unknown := [name for name in names if name not in words]:
        raise UserError(f"data: {found.files.folder} holds {unknown[0]}, which ImageNet's list does not name")
    classes = tuple(sorted({words[name] for name in names}))
    numbers = {word: number for number, word in enumerate(classes)}
    return Found(found.files, classes, [numbers[words[name]] for name in names])


def _pictures(folder: Path, root: Path) -> Iterator[Path]:
    """Every picture below a folder, links followed; one that leads back to a folder above it, or the root, is not."""
    own, top = folder.resolve(), root.resolve()
    if folder != root and own in (top, *top.parents):
        return
    open_folders = [(folder, frozenset([own, *own.parents, top, *top.parents]))]
    while open_folders:
        where, above = open_folders.pop()
        for one in sorted(where.iterdir()):
            if _is_picture(one):
                yield one
            elif one.is_dir() and one.resolve() not in above:
                open_folders.append((one, above | {one.resolve()}))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _middle(image: Image.Image, side: int) -> Tensor:
    """uint8 [3, side, side]: the shorter side becomes 256/224 of it, and the middle is cut out."""
    shorter = round(side * RESIZED)
    width, height = image.size
    sides = (shorter, int(shorter * height / width)) if width <= height else (int(shorter * width / height), shorter)
    resized = image.resize(sides, Image.Resampling.BILINEAR)
    left, top = round((sides[0] - side) / 2), round((sides[1] - side) / 2)
    return _pixels(resized.crop((left, top, left + side, top + side)))


def _part(image: Image.Image, box: list[int], side: int) -> Tensor:
    """uint8 [3, side, side]: a box (top, left, height, width) cut out and resized, antialiased."""
    top, left, tall, wide = box
    cut = image.crop((left, top, left + wide, top + tall))
    return _pixels(cut.resize((side, side), Image.Resampling.BILINEAR))


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _patch(side: int) -> tuple[int, int]:
    """The patch of the transformer: 16 pixels where they divide the side, or else the most up to that that do."""
    one = max(size for size in range(1, 17) if side % size == 0)
    return one, one
