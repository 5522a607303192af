"""Google's drawings of emoji in; colour pictures with the category that Unicode puts them in out.

Emoji that differ in who does something (a man, a woman, a person), or share a drawing, are a group, and every fifth
group is for testing, in the order of the file. The five that Unicode calls components, such as red hair, are left out.

Source: as of the captions, in `emoji`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.entry import Entry
from randquant.data.items import Items
from randquant.data.mini.emoji import LAYOUT, PACKAGES, SIDE, TESTED, drawing, families, listed
from randquant.errors import UserError
from randquant.spec import Grid, Spec, Target

_WORDS = (
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
    "Objects", "Symbols", "Flags",
)  # fmt: skip
SPEC = Spec((Grid(channels=3, size=(SIDE, SIDE), patch=(8, 8)),), Target("class", len(_WORDS)))


@dataclass(frozen=True)
class Drawings:
    """Reads drawings; the `read` of `Items`."""

    paths: Sequence[Path]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        return (drawing(self.paths[position]),)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 3, 48, 48]."""
    drawn = [one for one in listed(entry, root) if one.category in _WORDS]
    family = families(drawn)
    groups = torch.tensor(family)
    target = torch.tensor([_WORDS.index(one.category) for one in drawn])
    testing = groups % TESTED == TESTED - 1
    if len(set(family)) < TESTED:
        raise UserError(f"data: {root / entry.folder} must hold {TESTED} families of emoji or more of the categories")
    parts = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        ids = chosen.nonzero()[:, 0]
        parts[part] = Items(ids, Drawings([drawn[number].path for number in ids.tolist()]), target[ids], groups[ids])
    return entry.dataset(SPEC, parts, _WORDS)


ENTRIES = (
    Entry(
        name="emoji_category",
        title="Categories of emoji",
        domain="images",
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
