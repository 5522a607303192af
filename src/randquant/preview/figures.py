"""A sample's channels before and after in, drawings of them out: pictures, lines, sounds, and bins on histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from randquant.preview.sound import playable
from randquant.report.pictures import photo
from randquant.report.views import BARS, bars, bins_between

Array = NDArray[np.floating]

WIDTH, HEIGHT = 240, 84  # of a drawing
_POINTS = 300  # of a line; more would be finer than the drawing
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Shade:
    """One bin, in shares of the channel's range, and the colour of the value it becomes."""

    left: float
    width: float
    value: float
    fill: str


@dataclass(frozen=True)
class Strip:
    """The histogram of a channel's values, and the bins below it; without `bins`, its shades from low to high."""

    title: str
    bars: tuple[float, ...]
    low: str
    high: str
    bins: tuple[Shade, ...]
    ramp: tuple[str, ...]
    mark: float | None = None  # where the sample's own value lies, in shares of the range


@dataclass(frozen=True)
class Figure:
    """One drawing of a sample: a picture, or a line over a faint one; with a sound where there is one."""

    caption: str
    alt: str
    strips: tuple[Strip, ...]
    picture: str = ""
    line: str = ""
    faint: str = ""
    sound: str = ""


@dataclass(frozen=True)
class View:
    """What one number of bins makes of a sample: `after` [C, ...], `edges` [C, R-1], `values` [C, R]."""

    bins: int
    caption: str
    after: Array
    edges: Array
    values: Array


def pictures(
    before: Array,
    views: Sequence[View],
    title: str,
    channels: Sequence[int],
    sound: Callable[[Array], str],
    *,
    rising: bool = False,
) -> list[Figure]:
    """A grid of two dimensions as a picture: in colour if it has three channels, or else its first in grey.

    Args:
        before: [C, H, W].
        views: of it.
        title: what the sample is called.
        channels: the numbers of these channels, as strips name them.
        sound: what the picture sounds like; gives "" where it is no spectrogram.
        rising: whether the first row is at the bottom, as low pitches are.
    """
    low, high = _ends(before)
    if low >= 0 and high <= 1:  # as pictures are usually kept: their brightness stays theirs
        low, high = 0.0, 1.0
    scale = (high - low) or 1.0

    def painted(values: Array) -> str:
        shares = np.nan_to_num(((values[:, ::-1] if rising else values) - low) / scale, nan=0.0, posinf=1.0, neginf=0.0)
        return photo(np.moveaxis(shares, 0, -1) if len(shares) == 3 else np.repeat(shares[0][..., None], 3, axis=-1))

    def shade(channel: int, value: float) -> str:
        level = round(255 * min(max((value - low) / scale, 0.0), 1.0))
        return f"rgb({','.join(str(level if len(before) != 3 or i == channel else 0) for i in range(3))})"

    def strips(view: View | None) -> tuple[Strip, ...]:
        names = _COLOURS if len(before) == 3 else [_name(channels[0])]
        return tuple(_strip(name, before[i], view, i, partial(shade, i)) for i, name in enumerate(names))

    return [
        Figure("as it is", f"{title}, as it is", strips(None), picture=painted(before), sound=sound(before)),
        *(
            Figure(
                view.caption,
                f"{title} with {view.bins} bins",
                strips(view),
                picture=painted(view.after),
                sound=sound(view.after),
            )
            for view in views
        ),
    ]


def lines(before: Array, views: Sequence[View], title: str, channel: int, rate: int) -> list[Figure]:
    """One channel [1, N] of a grid of one dimension as a line over the line before; with its sound, if it has any."""
    low, high = _ends(before)
    faint = _path(before[0], low, high)
    alone = f"{title}, channel {channel}"

    def shade(value: float) -> str:
        level = round(255 * (1 - min(max((value - low) / ((high - low) or 1.0), 0.0), 1.0)))
        return f"rgb({level},{level},{level})"

    def strip(view: View | None) -> tuple[Strip, ...]:
        return (_strip(_name(channel), before[0], view, 0, shade),)

    def sound(values: Array) -> str:
        return playable(values, rate, loudest=max(abs(low), abs(high))) if rate else ""

    return [
        Figure("as it is", f"{alone}, as it is", strip(None), line=faint, sound=sound(before[0])),
        *(
            Figure(
                view.caption,
                f"{alone} with {view.bins} bins",
                strip(view),
                line=_path(view.after[0], low, high),
                faint=faint,
                sound=sound(view.after[0]),
            )
            for view in views
        ),
    ]


def numbers(column: Array, value: float, views: Sequence[View], title: str, name: str) -> list[Figure]:
    """One value of a table, on the histogram of its column; the views are of the value alone.

    Args:
        column: [N], the training part's.
        value: the sample's own.
        views: `after` [1, 1], `edges` and `values` [1, ...].
        title: what the sample is called.
        name: the column's.
    """
    low, high = _ends(column)
    scale = (high - low) or 1.0

    def shade(reached: float) -> str:
        level = round(255 * (1 - min(max((reached - low) / scale, 0.0), 1.0)))
        return f"rgb({level},{level},{level})"

    def strip(view: View | None) -> tuple[Strip, ...]:
        mark = min(max((value - low) / scale, 0.0), 1.0) if np.isfinite(value) else None
        return (replace(_strip(name, column, view, 0, shade), mark=mark),)

    def told(number: float) -> str:
        return "nothing" if np.isnan(number) else f"{number:.4g}"

    return [
        Figure(f"{told(value)}, as it is", f"{title}, {name}, as it is", strip(None)),
        *(
            Figure(
                f"{view.caption}: {told(float(view.after[0, 0]))}", f"{title}, {name}, {view.bins} bins", strip(view)
            )
            for view in views
        ),
    ]


def _name(channel: int) -> str:
    return f"channel {channel}"


def _strip(title: str, before: Array, view: View | None, place: int, shade: Callable[[float], str]) -> Strip:
    finite = before[np.isfinite(before)].astype(float)
    low, high = _ends(before)
    ramp = () if view else tuple(shade(low + (high - low) * (i + 0.5) / BARS) for i in range(BARS))
    bins: tuple[Shade, ...] = ()
    if view:
        reached = view.values[place]
        between = bins_between(view.edges[place], reached, low, high)
        bins = tuple(
            Shade(one.left, one.width, one.value, shade(float(value)))
            for one, value in zip(between, reached, strict=True)
        )
    return Strip(title, bars(finite, low, high), f"{low:.3g}", f"{high:.3g}", bins, ramp)


def _ends(values: Array) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _path(values: Array, low: float, high: float) -> str:
    """An SVG path through the values [N]; long ones by the smallest and largest of each stretch, gaps left open."""
    places = np.arange(len(values))
    if len(values) > _POINTS:
        stretches = np.array_split(places, _POINTS // 2)
        filled = np.nan_to_num(values.astype(float), nan=low, posinf=low, neginf=low)
        places = np.unique([one[f(filled[one])] for one in stretches for f in (np.argmin, np.argmax)])
    words, pen_up = [], True
    for place in places:
        value = float(values[place])
        if not np.isfinite(value):
            pen_up = True
            continue
        x = WIDTH * place / max(len(values) - 1, 1)
        y = 4 + (HEIGHT - 8) * (1 - (value - low) / ((high - low) or 1.0))
        words.append(f"{'M' if pen_up else 'L'}{x:.1f} {y:.1f}")
        pen_up = False
    return "".join(words)
