"""Drawings of the Open Clip Art Library in; colour pictures of 48x48 pixels with the folder they stand in out.

The task is to tell eleven subjects apart, as those who drew them sorted them: flags and icons of maps are `signs and
symbols`, playing cards and instruments `recreation`. The folders with 60 drawings or more are taken, but for those of
no common subject (`special`, `unsorted`) and for the two that programs and themes of icons filled (`shapes`, most of
which are stars, and `computer`). A drawing that stands in two folders is a link in one of them, and counts in the
other. The whole drawing is shown, on white. What has more than 16 million pixels is left out. That makes 2,379
drawings for training and 721 for testing; 1,001 of all 3,100, or 32 %, are signs and symbols.

Drawings that may be variants of one another are a group: their names differ in numbers, colours and words of up to two
letters alone, or, looked at from afar, the drawings are almost the same. Drawings by one artist may stand in both
parts. Every fourth group is for testing, in the order of the names, unless it is a series of more than 20, such as a
pack of cards, which would weigh too much in the score.

Source: the Open Clip Art Library, release 0.18, as Debian has drawn its files.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from randquant.data.batch import Dataset
from randquant.data.cache import cached
from randquant.data.entry import Entry, Package
from randquant.data.items import Items
from randquant.data.mini.joined import joined
from randquant.data.opaque import on_white
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.spec import Grid, Spec, Target

_FOLDER = "usr/share/openclipart/png"
_CLASSES = (
    "animals", "buildings", "food", "geography", "office", "people", "plants", "recreation", "signs_and_symbols",
    "tools", "transportation",
)  # fmt: skip
_WORDS = tuple(name.replace("_", " ") for name in _CLASSES)
_SIDE, _MOST = 48, 1 << 24  # pixels: of a side; of a file
_AFAR, _ALIKE = 4, 0.98  # pixels averaged along each side; the correlation from which two are almost the same
_TESTED, _SERIES = 4, 20  # one group of so many, if it has at most so many drawings
_VARIANTS = {
    *("black", "blue", "brown", "color", "colour", "gold", "gray", "green", "grey", "orange", "pink", "purple", "red"),
    *("silver", "violet", "white", "yellow", "bianco", "nero", "left", "right", "large", "small", "outline"),
}
SPEC = Spec((Grid(channels=3, size=(_SIDE, _SIDE), patch=(8, 8)),), Target("class", len(_CLASSES)))


@dataclass(frozen=True)
class Drawings:
    """Reads drawings, each whole and in the middle of a white square; the `read` of `Items`."""

    paths: Sequence[Path]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.paths[position]
        with reading(path), Image.open(path) as image:
            flat = on_white(image).convert("RGB")
            small = ImageOps.pad(flat, (_SIDE, _SIDE), Image.Resampling.BOX, color="white")
        return (torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous(),)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 3, 48, 48]; all are decoded, once, since the groups depend on them."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{name}" for name in _CLASSES)) / _FOLDER
    found = [path for name in _CLASSES for path in sorted((folder / name).rglob("*.png")) if not path.is_symlink()]
    paths = [path for path in found if pixels_of(path) <= _MOST]
    if not paths:
        raise UserError(f"data: {folder} holds no drawings (.png); unpack all of the package")
    target = torch.tensor([_CLASSES.index(path.relative_to(folder).parts[0]) for path in paths])
    items = Items(torch.arange(len(paths)), Drawings(paths), target)
    whole = cached(entry.dataset(SPEC, {"train": items}, _WORDS), root / "decoded", faithful=False).held("train")
    groups = groups_of([path.stem for path in paths], whole.inputs[0])
    if int(groups.max()) < _TESTED - 1:
        raise UserError(f"data: {folder} must hold {_TESTED} drawings or more that differ")
    testing = (groups % _TESTED == _TESTED - 1) & (groups.bincount()[groups] <= _SERIES)
    whole = whole._replace(groups=groups)
    parts = {part: whole.take(rows.nonzero()[:, 0]) for part, rows in (("train", ~testing), ("test", testing))}
    return entry.dataset(SPEC, parts, _WORDS)


def pixels_of(path: Path) -> int:
    """How many pixels a PNG file says that it has; nothing is decoded.

    Raises:
        UserError: it is no PNG file.
    """
    with reading(path), path.open("rb") as file:
        head = file.read(24)
        if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
            raise ValueError("it does not begin as a PNG file")
        width, height = struct.unpack(">II", head[16:])
    return int(width * height)


def groups_of(names: Sequence[str], pixels: Tensor) -> Tensor:
    """Groups of drawings that may be variants of one another, numbered by their first: int64 [N].

    Args:
        names: of the files, without what comes after the dot.
        pixels: float32 [N, 3, 48, 48] from 0 to 1.
    """
    first: dict[str, int] = {}
    named = torch.tensor([first.setdefault(subject(name), place) for place, name in enumerate(names)])
    afar = F.avg_pool2d(pixels.double(), _AFAR).flatten(1)  # [N, 3 * 12 * 12]
    afar = F.normalize(afar - afar.mean(dim=1, keepdim=True))
    alike = (afar @ afar.T > _ALIKE).nonzero()  # [E, 2]
    return joined(torch.cat([alike, torch.stack([torch.arange(len(names)), named], dim=1)]), len(names))


def subject(name: str) -> str:
    """The words of a name that say what is drawn, and by whom; the whole name where no word is left."""
    words = [word for word in re.findall("[a-z]+", name.lower()) if len(word) > 2 and word not in _VARIANTS]
    return " ".join(words) or name


ENTRIES = (
    Entry(
        name="clipart",
        title="Subjects of clip art",
        domain="images",
        roles=("recipe",),
        read=read,
        folder="mini/clipart",
        layout=f"{_FOLDER}/{{{', '.join(_CLASSES)}}}/**/*.png",
        size="131 MB",
        licence="public domain",
        packages=(
            Package(
                client="apt",
                name="openclipart-png",
                version="1:0.18+dfsg-19",
                sha256="f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
                members=tuple(f"{_FOLDER}/{name}/**/*.png" for name in _CLASSES),
            ),
        ),
        batch=128,
    ),
)
