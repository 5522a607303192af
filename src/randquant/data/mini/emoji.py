"""Google's drawings of emoji and their English names in; pictures with a caption that does or does not fit out.

The task is to tell whether a caption is the picture's. Two emoji, drawn by key, make four samples: both drawings with
their own name and both with the other's, so that neither the picture nor the caption alone tells anything. The two are
one group: were a caption's right picture on one side of a cut and its wrong one on the other, whoever knows the caption
would be told the opposite. Drawings are emoji without variants of skin, on white. Of a family the first is taken: such
are a man and a woman who do the same, by the words of their names alone, so that prince and princess are two; and names
that share a drawing, as the flags of Norway and Svalbard do. Every fifth of these is for testing, in the order of the
file; of an odd number one is left over. The symbols are learnt from the names of the training part.

Source: packages emoji-datasource-google (drawings of Noto Emoji) and emojibase-data (names of Unicode's CLDR).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.entry import Entry, Package
from randquant.data.items import Items
from randquant.data.mini.joined import joined
from randquant.data.mini.symbols import PADDING, learnt, symbols, words_of
from randquant.data.opaque import on_white
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target, Tokens

_LIST, _NAMES, _DRAWINGS = "package/emoji.json", "package/en/compact.json", "package/img/google/64"
SIDE = 48
_LENGTH = 12
_ANYONE = {"man", "woman", "person", "men", "women", "people", "boy", "girl", "child"}
TESTED = 5  # one emoji of so many
_CAPTION = Tokens(vocabulary=1024, length=_LENGTH, padding=PADDING)
SPEC = Spec((Grid(channels=3, size=(SIDE, SIDE), patch=(8, 8)), _CAPTION), Target("binary", 1))


@dataclass(frozen=True)
class Captioned:
    """Reads drawings beside captions; the `read` of `Items`.

    Args:
        paths: one a sample.
        captions: int32 [N, 12].
    """

    paths: Sequence[Path]
    captions: NDArray[np.int32]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        return drawing(self.paths[position]), torch.from_numpy(self.captions[position])


def drawing(path: Path) -> Tensor:
    """An emoji on white: uint8 [3, 48, 48].

    Raises:
        UserError: the file is broken.
    """
    with reading(path), Image.open(path) as image:
        small = on_white(image).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).contiguous()


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 3, 48, 48], and symbols int64 [B, 12]; a drawing's two samples side by side."""
    every = listed(entry, root)
    first: dict[int, Emoji] = {}
    for one, family in zip(every, families(every), strict=True):
        first.setdefault(family, one)
    drawn = list(first.values())
    groups = torch.arange(len(drawn))
    testing = groups % TESTED == TESTED - 1
    if len(drawn) < 2 * TESTED:  # of one drawing alone no caption is wrong
        raise UserError(f"data: {root / entry.folder / _LIST} must list {2 * TESTED} families of emoji or more")
    learner = learnt([drawn[number].name for number in groups[~testing].tolist()], _CAPTION.vocabulary)
    captions = symbols(learner, [one.name for one in drawn], _LENGTH).int()
    parts = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        couples = _couples(groups[chosen])
        own, shown = couples[:, [0, 0, 1, 1]].flatten(), couples[:, [0, 1, 1, 0]].flatten()  # whose drawing, whose name
        paths = [drawn[number].path for number in own.tolist()]
        fits = (shown == own).float()
        couple = couples.amin(dim=1).repeat_interleave(4)
        parts[part] = Items(2 * own + (1 - fits).long(), Captioned(paths, captions[shown].numpy()), fits, couple)
    return entry.dataset(SPEC, parts, ("fits",), words_of(learner))


class Emoji(NamedTuple):
    """One that is drawn: its file, its name, and the category that Unicode puts it in."""

    path: Path
    name: str
    category: str


def listed(entry: Entry, root: Path) -> list[Emoji]:
    """All that are drawn, in the order of the file.

    Raises:
        UserError: a file is missing or broken.
    """
    folder = folder_of(entry, root, _LIST, _NAMES, _DRAWINGS)
    with reading(folder / _NAMES):
        named = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        names = {_plain(one["hexcode"]): one["label"] for one in named}
    with reading(folder / _LIST):
        return [
            Emoji(folder / _DRAWINGS / one["image"], names[_plain(one["unified"])], one["category"])
            for one in json.loads((folder / _LIST).read_text(encoding="utf-8"))
            if one["has_img_google"]
        ]


def families(drawn: Sequence[Emoji]) -> list[int]:
    """A number for each, by the first of its family: those who do the same, whoever they are, or share a drawing.

    Raises:
        UserError: a drawing is missing.
    """
    links = []
    first: dict[str | bytes, int] = {}
    for place, one in enumerate(drawn):
        links += [(first.setdefault(mark, place), place) for mark in (_deed(one.name), _bytes(one.path))]
    return [int(family) for family in joined(torch.tensor(links).view(-1, 2), len(drawn))]


def _deed(name: str) -> str:
    """The name without who it is that does something; the whole name where nothing else is left."""
    rest = [word for word in re.findall("[^ :,]+", name.lower()) if word not in _ANYONE]
    return " ".join(rest) or name


def _bytes(path: Path) -> bytes:
    with reading(path):
        return path.read_bytes()


def _plain(code: str) -> str:
    """A code without the sign that asks for a coloured drawing, which the two lists do not set alike."""
    return code.replace("-FE0F", "")


def _couples(numbers: Tensor) -> Tensor:
    """Two and two of so many numbers, in an order drawn by key: int64 [N // 2, 2]."""
    order = Draws(seed=0, epoch=0, ids=numbers).permutation("captions")
    return numbers[order[: len(order) // 2 * 2]].view(-1, 2)


LAYOUT = f"{_LIST}, {_NAMES} and {_DRAWINGS}/*.png"
PACKAGES = (
    Package(
        client="npm",
        name="emoji-datasource-google",
        version="16.0.0",
        sha256="fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        members=(_LIST, f"{_DRAWINGS}/*.png"),
    ),
    Package(
        client="npm",
        name="emojibase-data",
        version="17.0.0",
        sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
        members=(_NAMES,),
    ),
)
ENTRIES = (
    Entry(
        name="emoji",
        title="Emoji with captions",
        domain="vision_language",
        roles=("mini",),
        read=read,
        folder="mini/emoji",
        layout=LAYOUT,
        size="81 MB",
        licence="Apache 2.0, MIT (lists)",
        packages=PACKAGES,
        batch=128,
    ),
)
