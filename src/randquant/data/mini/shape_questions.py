"""Nothing in; made-up pictures of three coloured shapes, with a question that is to be answered by yes or no, out.

Synthetic: everything is drawn by key. A third each asks whether there is a shape of a colour, whether one shape is left
of another, and whether one is above another. The answer is drawn first, by a fair coin, and the shapes and colours that
a question names are equally likely under both answers: neither the picture nor the question alone tells anything. It is
not about photographs or free language.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target, Tokens

COLOURS = {"red": (0.85, 0.15, 0.15), "green": (0.1, 0.6, 0.2), "blue": (0.15, 0.25, 0.85), "yellow": (0.9, 0.8, 0.1)}
SHAPES = ("circle", "square", "triangle", "cross")
WORDS = ("", "is", "there", "a", "the", "left", "of", "above", *COLOURS, *SHAPES)  # a word's number is its symbol
_KINDS = len(COLOURS) * len(SHAPES)
_COUNTS = {"train": 4000, "test": 1000}
_SIDE, _CELL, _LENGTH = 48, 16, 9
_QUESTION = Tokens(vocabulary=len(WORDS), length=_LENGTH, padding=0)
SPEC = Spec((Grid(channels=3, size=(_SIDE, _SIDE), patch=(8, 8)), _QUESTION), Target("binary", 1))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 3, 48, 48], and symbols int64 [B, 9]; every picture is a group of its own."""
    parts, first = {}, 0
    for part, count in _COUNTS.items():
        ids = torch.arange(first, first + count)
        kinds, columns, rows = scenes(ids)
        symbols, answers = questions(ids, kinds, columns, rows)
        parts[part] = Batch(ids, (pictures(ids, kinds, columns, rows), symbols), answers)
        first += count
    return entry.dataset(SPEC, parts, ("yes",), WORDS)


def scenes(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All kinds in a drawn order, the first three of which are shown, int64 [B, 16]; their columns and rows [B, 3].

    A kind is 4 times its colour plus its shape. No two of the three share a kind, a column or a row.
    """
    draws = Draws(seed=0, epoch=0, ids=ids)
    kinds, columns, rows = (
        draws.uniform(purpose, count).argsort(dim=1)
        for purpose, count in (("kinds", _KINDS), ("columns", 3), ("rows", 3))
    )
    return kinds, columns, rows


def questions(ids: Tensor, kinds: Tensor, columns: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """A question about each scene, int64 [B, 9], and its answer, float32 [B]."""
    draws = Draws(seed=0, epoch=0, ids=ids)
    yes = draws.uniform("answers", 1)[:, 0] < 0.5
    asked = (3 * draws.uniform("asked", 1)[:, 0]).long()  # what there is, what is left, what is above
    number = WORDS.index
    symbols = torch.zeros(len(ids), _LENGTH, dtype=torch.int64)
    symbols[:, 0] = number("is")

    there = asked == 0
    symbols[there, 1:3] = torch.tensor([number("there"), number("a")])
    symbols[there, 3:5] = _named(torch.where(yes, kinds[:, 0], kinds[:, 3])[there])  # the fourth is not shown

    for question, words, places in ((1, ("left", "of"), columns), (2, ("above",), rows)):
        chosen = asked == question
        ahead = places[:, 0] < places[:, 1]  # of the first two, whether the first is left, or above
        first = torch.where(ahead == yes, kinds[:, 0], kinds[:, 1])
        second = torch.where(ahead == yes, kinds[:, 1], kinds[:, 0])
        end = 4 + len(words)
        symbols[chosen, 1] = number("the")
        symbols[chosen, 2:4] = _named(first[chosen])
        symbols[chosen, 4:end] = torch.tensor([number(word) for word in words])
        symbols[chosen, end] = number("the")
        symbols[chosen, end + 1 : end + 3] = _named(second[chosen])
    return symbols, yes.float()


def _named(kinds: Tensor) -> Tensor:
    """The symbols of colour and shape, [B, 2]."""
    first_colour, first_shape = WORDS.index(next(iter(COLOURS))), WORDS.index(SHAPES[0])
    return torch.stack([first_colour + kinds // len(SHAPES), first_shape + kinds % len(SHAPES)], dim=1)


def pictures(ids: Tensor, kinds: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """float32 [B, 3, 48, 48]: three shapes in cells of a board of 3 by 3, a little off their middles, on noisy grey."""
    draws = Draws(seed=0, epoch=0, ids=ids)
    noise = draws.uniform("noise", 1, _SIDE, _SIDE) - 0.5
    picture = (draws.uniform("grey", 1, 1, 1) * 0.2 + 0.7 + 0.06 * noise).expand(-1, 3, -1, -1)
    off = 4 * draws.uniform("off", 2, 3) - 2
    palette = torch.tensor(list(COLOURS.values()))
    y, x = torch.meshgrid(torch.arange(_SIDE) + 0.5, torch.arange(_SIDE) + 0.5, indexing="ij")
    for place in range(3):
        across, down = (
            middle[:, place, None, None] * _CELL + _CELL / 2 + off[:, axis, place, None, None]
            for axis, middle in enumerate((columns, rows))
        )
        covered = _covered(x - across, y - down)  # [4, B, 48, 48]
        mask = covered[kinds[:, place] % len(SHAPES), torch.arange(len(ids))].unsqueeze(1)
        picture = torch.where(mask, palette[kinds[:, place] // len(SHAPES)][:, :, None, None], picture)
    return picture


def _covered(x: Tensor, y: Tensor) -> Tensor:
    """Which points each of the shapes covers, by their distance from its middle: bool [4, *]."""
    wide, high = x.abs(), y.abs()
    circle = x**2 + y**2 < 5.5**2
    square = (wide < 5) & (high < 5)
    triangle = (high < 5.5) & (wide < (y + 5.5) / 2)
    cross = (torch.minimum(wide, high) < 1.5) & (torch.maximum(wide, high) < 5.5)
    return torch.stack([circle, square, triangle, cross])


ENTRIES = (
    Entry(
        name="shape_questions",
        title="Questions about shapes (synthetic)",
        domain="vision_language",
        roles=("mini",),
        read=read,
        synthetic=True,
        size="none",
        licence="none; made up",
        batch=128,
    ),
)
