"""Samples in, how each is shown in small out: a picture, a sparkline, or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from randquant.data import Batch, Dataset
from randquant.spec import Grid, Input, Tokens

Pictures = NDArray[np.floating]

_SIDE = 40  # of a picture, at most
_LINES, _HEIGHT, _WIDTH = 3, 36, 72  # of a sparkline: channels, and pixels
_WORDS, _COLUMNS = 60, 6  # letters of a text, columns of a table
_SHADES = (0.0, 0.4, 0.65)  # of the channels of a sparkline, on white


@dataclass(frozen=True)
class Tiles:
    """What stands for each of N samples.

    Args:
        pictures: [N, H, W, 3] from 0 to 1; None where no input is a grid.
        words: what it says, or its numbers; "" where the picture is all.
    """

    pictures: Pictures | None
    words: tuple[str, ...]


def tiles(dataset: Dataset, batch: Batch) -> Tiles:
    """Pictures of the first grid, and words of the first input that is none."""
    pictures, words = None, None
    for place, (one, values) in enumerate(zip(dataset.spec.inputs, batch.inputs, strict=True)):
        if isinstance(one, Grid) and pictures is None:
            pictures = _sparklines(values.float()) if len(one.size) == 1 else _small(values.float())
            if dataset.spectrograms and len(one.size) == 2:
                pictures = pictures[:, ::-1]  # low pitches at the bottom
        elif not isinstance(one, Grid) and words is None:
            table = None if dataset.own is None else dataset.own.table(place)
            words = tuple(_told(one, row, dataset.words) if table is None else _cut(table.told(row)) for row in values)
    return Tiles(pictures, words or ("",) * len(batch.ids))


def _small(values: Tensor) -> Pictures:
    """Pictures [N, C, H, W], or the middles of [N, C, D, H, W], made small: [N, h, w, 3]."""
    if values.ndim == 5:
        values = values[:, :, values.shape[2] // 2]
    values = (values if values.shape[1] == 3 else values[:, :1]).nan_to_num(0.0)
    height, width = (min(side, _SIDE) for side in values.shape[2:])
    small = F.adaptive_avg_pool2d(values, (height, width))
    if float(values.min()) < 0 or float(values.max()) > 1:
        low, high = small.flatten(1).amin(1), small.flatten(1).amax(1)
        span = (high - low).clamp(min=1e-12)
        small = (small - low[:, None, None, None]) / span[:, None, None, None]
    pictures: Pictures = small.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
    return pictures


def _sparklines(values: Tensor) -> Pictures:
    """The first channels [N, C, L] as lines, each over its own range, blank where there is no value: [N, h, w, 3]."""
    shown = values[:, :_LINES].numpy().astype(float)
    pictures = np.ones((len(shown), _HEIGHT, _WIDTH, 3))
    places = np.linspace(0, shown.shape[2] - 1, _WIDTH).round().astype(int)
    rows = np.arange(_HEIGHT)[None, :, None]
    for channel in reversed(range(shown.shape[1])):
        line = shown[:, channel, places]  # [N, W]
        there = ~np.isnan(line)
        known = there.any(1, keepdims=True)
        low = np.where(known, np.where(there, line, np.inf).min(1, keepdims=True), 0)
        high = np.where(known, np.where(there, line, -np.inf).max(1, keepdims=True), 0)
        line = np.where(there, line, low)
        share = np.divide(line - low, high - low, out=np.full_like(line, 0.5), where=high > low)
        y = (1 + (1 - share) * (_HEIGHT - 3)).round()
        after_one = np.concatenate([there[:, :1], there[:, :-1]], axis=1)
        before = np.where(after_one, np.concatenate([y[:, :1], y[:, :-1]], axis=1), y)
        top, bottom = np.minimum(y, before), np.maximum(y, before)
        drawn = (rows >= top[:, None]) & (rows <= bottom[:, None]) & there[:, None]  # [N, H, W]
        pictures[drawn] = _SHADES[channel]
    return pictures


def _told(one: Input, row: Tensor, words: Sequence[str]) -> str:
    if isinstance(one, Tokens):
        symbols = [number for number in row.tolist() if number != one.padding]
        if not words:
            return " ".join(map(str, symbols))[:_WORDS]
        told = [words[number] if number < len(words) else f"#{number}" for number in symbols]
        text = "".join(told) if any(word.startswith(" ") for word in told) else " ".join(told)
        return text if len(text) <= _WORDS else f"{text[:_WORDS]}…"
    return _cut([f"{value:.3g}" for value in row.tolist()])


def _cut(columns: Sequence[str]) -> str:
    return ", ".join(columns[:_COLUMNS]) + (", …" if len(columns) > _COLUMNS else "")


def near(features: NDArray[np.floating], queries: Sequence[int], count: int) -> list[list[int]]:
    """The `count` rows nearest to each query by cosine, the nearest first, never the query itself."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    closeness = unit[list(queries)] @ unit.T
    closeness[np.arange(len(queries)), list(queries)] = -np.inf
    order = torch.from_numpy(closeness).argsort(dim=1, descending=True, stable=True)
    return [row[:count] for row in order.tolist()]
