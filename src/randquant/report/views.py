"""A views.json in, drawings of what randomized quantization does to a few samples out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.report.pictures import png
from randquant.report.runs import one_object

BARS = 24


@dataclass(frozen=True)
class Bin:
    """One bin on the value axis, in shares of the sample's range: from `left`, `width` wide, all set to `value`."""

    left: float
    width: float
    value: float

    @property
    def fill(self) -> str:
        """The value as a shade: black where it is highest."""
        grey = round(255 * (1 - self.value))
        return f"rgb({grey},{grey},{grey})"


@dataclass(frozen=True)
class Drawing:
    """One draw: the picture it gives, and its bins."""

    picture: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Sample:
    """A sample before, its draws, and how often each value occurs (bar heights in [0, 1], by square root)."""

    label: str
    picture: str
    bars: tuple[float, ...]
    low: float
    high: float
    draws: tuple[Drawing, ...]


@dataclass(frozen=True)
class Views:
    """Some samples, each under several draws of `bins` bins."""

    bins: int
    samples: tuple[Sample, ...]


def views(folder: Path) -> Views | None:
    """What `folder/views.json` holds; None where it is missing or is not what it should be."""
    content = one_object(folder / "views.json")
    try:
        samples = tuple(_sample(values) for values in content["samples"])
        return Views(int(content["bins"]), samples) if samples else None
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _sample(values: Mapping[str, Any]) -> Sample:
    before = np.asarray(values["before"], dtype=float)
    low, high = float(values["low"]), float(values["high"])
    scale = (high - low) or 1.0
    draws = tuple(
        Drawing(png(_share(after, low, scale)), bins_between(edges, reached, low, high))
        for after, edges, reached in zip(values["after"], values["edges"], values["values"], strict=True)
    )
    return Sample(str(values["label"]), png(_share(before, low, scale)), bars(before, low, high), low, high, draws)


def _share(values: Any, low: float, scale: float) -> NDArray[np.floating]:
    shares: NDArray[np.floating] = (np.asarray(values, dtype=float) - low) / scale
    return shares


def bars(values: NDArray[np.floating], low: float, high: float) -> tuple[float, ...]:
    """How often values occur from low to high, as the heights of bars: in [0, 1], by square root."""
    heights, _ = np.histogram(values, bins=BARS, range=(low, high) if high > low else None)
    return tuple(float(height) for height in np.sqrt(heights / max(heights.max(), 1)))


def bins_between(edges: Any, reached: Any, low: float, high: float) -> tuple[Bin, ...]:
    """The bins of a channel that reaches from low to high, from their inner edges and the values they become."""
    scale = (high - low) or 1.0
    bounds = [0.0, *map(float, _share(edges, low, scale)), 1.0]
    return tuple(
        Bin(left, right - left, min(max(float(value), 0.0), 1.0))
        for left, right, value in zip(bounds[:-1], bounds[1:], _share(reached, low, scale), strict=True)
    )
