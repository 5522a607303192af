"""Nothing in; made-up grey pictures that look a little like X-rays of a chest, with five yes-or-no findings, out.

Synthetic: the pictures are ellipses, stripes and noise, drawn by key, and no patient's. The task is to tell which of
five marks a picture has: a large heart, fluid at the bottom of a lung, a round spot, a dark rim at the top of a lung, a
line. Each is there in three pictures of ten, independently of the others. It is not about medicine, and a figure here
says nothing about real findings.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target

FINDINGS = ("large heart", "fluid", "spot", "dark rim", "line")
_COUNTS = {"train": 4000, "test": 1000}
_OFTEN = 0.3
_SIDE = 32
_AT_ONCE = 500  # pictures
SPEC = Spec((Grid(channels=1, size=(_SIDE, _SIDE), patch=(4, 4)),), Target("multilabel", len(FINDINGS)))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 1, 32, 32]; every picture is a group of its own."""
    parts, first = {}, 0
    for part, count in _COUNTS.items():
        ids = torch.arange(first, first + count)
        found = (Draws(seed=0, epoch=0, ids=ids).uniform("findings", len(FINDINGS)) < _OFTEN).float()
        drawn = [pictures(*some) for some in zip(torch.split(ids, _AT_ONCE), torch.split(found, _AT_ONCE), strict=True)]
        parts[part] = Batch(ids, (torch.cat(drawn),), found)
        first += count
    return entry.dataset(SPEC, parts, FINDINGS)


def pictures(ids: Tensor, found: Tensor) -> Tensor:
    """Pictures [B, 1, 32, 32] of these numbers with these findings [B, 5]; all else depends on the number alone.

    x runs from -1 on the left to 1, y from -1 at the top to 1.
    """
    draws = Draws(seed=0, epoch=0, ids=ids)

    def between(low: float, high: float, purpose: str) -> Tensor:
        return low + (high - low) * draws.uniform(purpose, 1, 1)  # [B, 1, 1]

    heart, fluid, spot, rim, line = found[:, :, None, None].unbind(1)  # [B, 1, 1] each
    y, x = torch.meshgrid(torch.linspace(-1, 1, _SIDE), torch.linspace(-1, 1, _SIDE), indexing="ij")
    x, y = x - between(-0.08, 0.08, "x"), y - between(-0.08, 0.08, "y")  # [B, 32, 32]
    width, height = between(0.28, 0.34, "width"), between(0.6, 0.7, "height")
    left, right = (_ellipse(x, y, side * 0.42, -0.05, width, height) for side in (-1, 1))
    lungs = left + right
    body = _ellipse(x, y, 0, 0.2, between(0.9, 1.05, "body"), 1.3)
    ribs = torch.sin(y * between(16, 22, "ribs") + 2 * x.abs())
    picture = 0.08 + 0.5 * body - 0.36 * lungs + 0.04 * ribs * lungs

    radius = between(0.2, 0.27, "heart") + heart * between(0.1, 0.17, "large")
    centre = between(0.02, 0.12, "centre")
    picture = picture + 0.34 * _ellipse(x, y, centre, 0.28, radius, 0.8 * radius) * (0.3 + lungs)

    side = torch.where(between(0, 1, "fluid side") < 0.5, left, right)
    level = between(0.15, 0.35, "level")
    picture = picture + fluid * 0.3 * side * torch.sigmoid((y - level) / 0.03)

    place = torch.where(between(0, 1, "spot side") < 0.5, -0.45, 0.45)
    size = between(0.08, 0.12, "size")
    bright = _ellipse(x, y, place + between(-0.1, 0.1, "spot x"), between(-0.45, 0.1, "spot y"), size, size)
    picture = picture + spot * 0.2 * bright

    outward = torch.where(between(0, 1, "rim side") < 0.5, -1.0, 1.0)
    outer = torch.sigmoid((outward * x - between(0.48, 0.54, "rim")) / 0.02) * torch.sigmoid((-0.05 - y) / 0.05)
    picture = picture - rim * 0.14 * lungs * outer

    path = between(-0.3, 0.3, "path") + between(-0.4, 0.4, "bend") * y
    ends = torch.sigmoid((between(0, 0.5, "end") - y) / 0.02)
    picture = picture + line * 0.22 * torch.exp(-(((x - path) / 0.04) ** 2)) * ends

    noise = draws.uniform("noise", _SIDE, _SIDE) - 0.5
    return (picture * between(0.85, 1.15, "gain") + 0.08 * noise).clamp(0, 1).unsqueeze(1)


def _ellipse(x: Tensor, y: Tensor, across: Tensor | float, down: Tensor | float, *radii: Tensor | float) -> Tensor:
    """1 inside an ellipse with this centre and these radii and 0 outside, with a soft edge."""
    width, height = radii
    return torch.sigmoid((1 - (((x - across) / width) ** 2 + ((y - down) / height) ** 2).sqrt()) / 0.06)


ENTRIES = (
    Entry(
        name="xray_shapes",
        title="Shapes like chest X-rays (synthetic)",
        domain="medical",
        roles=("mini",),
        read=read,
        synthetic=True,
        size="none",
        licence="none; made up",
        metric="auroc_macro",
        batch=128,
    ),
)
