"""A folder of pictures in, raw grids [C, height, width] of one size out; any number of channels, tiff included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from randquant.data.opaque import on_white
from randquant.data.own.media import Media, MediaSource
from randquant.data.present import reading as reading_file
from randquant.errors import UnreadableError, UserError
from randquant.libraries import library
from randquant.settings import ReadingSettings

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_LARGEST = 224  # pixels of a side that are kept
_LOOKED = 1000  # pictures whose sizes are looked at
_ADVICE = "mend it, or take it out of the folder"
_GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True)
class Picture:
    """Decodes a picture file.

    Args:
        channels: 1 and 3 are made of any picture; other numbers must be there.
        size: height and width; pictures of another size are squashed to it.
    """

    channels: int
    size: tuple[int, int]

    def __call__(self, path: Path) -> NDArray[Any]:
        """[C, height, width], in the values of the file.

        Raises:
            UserError: the file is broken, or has another number of channels.
        """
        with reading_file(path, _ADVICE):
            if path.suffix.lower() in (".tif", ".tiff"):
                found = _tiff(path)
                if len(found) != self.channels:
                    raise UserError(f"data: {path} has {len(found)} channels, but others have {self.channels}")
                return np.stack([_resized(Image.fromarray(one.astype(np.float32)), self.size) for one in found])
            with Image.open(path) as image:
                if self.channels == 1 and image.mode in ("I", "F", "I;16", "I;16B", "I;16L"):
                    return _resized(Image.fromarray(np.asarray(image, np.float32)), self.size)[None]
                values = _resized(on_white(image).convert("L" if self.channels == 1 else "RGB"), self.size)
        return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def open_images(media: Media, reading: ReadingSettings, how: Mapping[str, Any] | None) -> MediaSource:
    """The pictures of a folder.

    Raises:
        UserError: a file that was looked at is broken.
    """
    if how is not None:
        return MediaSource(media, how, Picture(how["channels"], tuple(how["size"])))
    looked = media.names[:: max(1, len(media.names) // _LOOKED)]
    faces = [_face(media.folder / name) for name in looked]
    counts = Counter(face.channels for face in faces)
    if len(counts) > 1 and not set(counts) <= {1, 3}:
        few, many = ([face.channels for face in faces].index(one) for one in (min(counts), max(counts)))
        told = " and ".join(f"{looked[one]} has {faces[one].channels}" for one in (few, many))
        raise UserError(f"data: pictures of mixed channels: {told}; give a folder of one kind")
    channels = max(counts)
    sizes = Counter(face.size for face in faces)
    size, why = _size(sizes, reading.length)
    how = {"channels": channels, "size": list(size), "text": media.text, "ragged": False}
    source = MediaSource(media, how, Picture(channels, size))
    source.notes.append(f"pictures: {len(media.names):,} of {channels} channels, {size[0]}x{size[1]} ({why})")
    if any(face.clear for face in faces):
        source.notes.append("transparent places of pictures are taken as white")
    source.notes.extend(media.notes("pictures"))
    return source


def _size(sizes: Counter[tuple[int, int]], length: int) -> tuple[tuple[int, int], str]:
    """Height and width of all, and why."""
    if length:
        return (length, length), "as --length says"
    if len(sizes) == 1:
        (only,) = sizes
        if max(only) <= _LARGEST:
            return only, "as all are"
    side = int(np.median([min(one) for one in sizes.elements()]))
    side = min(_LARGEST, max(8, side // 8 * 8))
    span = f"{min(map(min, sizes))} to {max(map(max, sizes))} pixels a side"
    return (side, side), f"squashed, since they have {span}; --length sets the side"


class Face(NamedTuple):
    """What a file says of its picture: height and width, channels, and whether it may have transparent places."""

    size: tuple[int, int]
    channels: int
    clear: bool


def _face(path: Path) -> Face:
    """The face of a file, without its pixels where that is possible."""
    with reading_file(path, _ADVICE):
        if path.suffix.lower() in (".tif", ".tiff"):
            found = _tiff(path)
            return Face((found.shape[1], found.shape[2]), len(found), clear=False)
        with Image.open(path) as image:
            return Face((image.height, image.width), 1 if image.mode in _GREY else 3, image.has_transparency_data)


def _tiff(path: Path) -> NDArray[Any]:
    """[C, height, width]: the shortest of three axes, or of a stack of pages, is the channels."""
    values = np.asarray(library("tifffile", "vision", "data").imread(path))
    if values.ndim == 2:
        return values[None]
    if values.ndim != 3:
        raise UnreadableError(
            f"data: {path} has shape {values.shape}, must be a picture with channels; {_ADVICE}", path
        )
    return values if values.shape[0] <= values.shape[2] else values.transpose(2, 0, 1)


def _resized(image: Image.Image, size: tuple[int, int]) -> NDArray[Any]:
    if (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)
