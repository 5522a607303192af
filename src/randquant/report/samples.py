"""A samples.json in, drawings of one sample of each domain out: as it is, and the two views that RQ makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.report.pictures import photo, png
from randquant.report.runs import one_object

Values = NDArray[np.floating]

_LINES = 3  # channels of a signal that are drawn
_WIDE, _HIGH, _GAP = 240, 48, 8  # of a signal's line


@dataclass(frozen=True)
class Drawn:
    """One look at a sample: a picture as a data URI, or the lines of a signal as SVG paths, one a channel."""

    picture: str = ""
    lines: tuple[str, ...] = ()
    width: int = 1
    height: int = 1


@dataclass(frozen=True)
class Sampled:
    """One input of a sample: what it is, as it is, and its views."""

    what: str
    looks: tuple[Drawn, ...]


@dataclass(frozen=True)
class DomainSample:
    """A sample of a domain, and into how many bins each channel was cut."""

    domain: str
    task: str
    bins: int
    synthetic: bool
    inputs: tuple[Sampled, ...]


def samples(folder: Path) -> tuple[DomainSample, ...]:
    """What `folder/samples.json` holds; empty where it is missing or is not what it should be."""
    content = one_object(folder / "samples.json")
    try:
        return tuple(_sample(one) for one in content["samples"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return ()


def _sample(content: Mapping[str, Any]) -> DomainSample:
    domain = str(content["domain"])
    inputs = tuple(_input(one, domain) for one in content["inputs"])
    return DomainSample(domain, str(content["task"]), int(content["bins"]), bool(content["synthetic"]), inputs)


def _input(content: Mapping[str, Any], domain: str) -> Sampled:
    views = [np.asarray(one, dtype=float).reshape(content["shape"]) for one in (content["before"], *content["after"])]
    before = views[0]
    if content["kind"] == "embeddings":
        rows, columns = before.shape
        what = f"embeddings: a column for each of {columns} symbols, a row for each of {rows} dimensions"
        return Sampled(what, tuple(_picture(view[None], before[None]) for view in views))
    if before.ndim < 3:  # [channels, places], or a row of numbers
        curves = [view.reshape(-1, view.shape[-1])[:_LINES] for view in views]
        shown = len(curves[0])
        what = f"signal: {'its channel' if before.size == shown else f'{shown} of its {before.shape[0]} channels'}"
        return Sampled(what, tuple(_signal(view, curves[0]) for view in curves))
    flat = [view[:, view.shape[1] // 2] if view.ndim > 3 else view for view in views]  # of a volume, the middle
    if domain == "speech":
        return Sampled(
            "spectrogram: time to the right, frequency upwards",
            tuple(_picture(view[:, ::-1], flat[0]) for view in flat),
        )
    return Sampled("picture", tuple(_picture(view, flat[0]) for view in flat))


def _picture(values: Values, before: Values) -> Drawn:
    """Three channels in colour, of others the first; shades span the range that the sample has as it is."""
    low, high = _range(before)
    shares = (values - low) / (high - low)
    uri = photo(shares.transpose(1, 2, 0)) if len(shares) == 3 else png(shares[0])
    return Drawn(picture=uri, width=values.shape[2], height=values.shape[1])


def _signal(values: Values, before: Values) -> Drawn:
    """A path a channel, below each other, each in the range that the channel has as it is."""
    lines = []
    for place, (channel, own) in enumerate(zip(values, before, strict=True)):
        low, high = _range(own)
        xs = np.linspace(0, _WIDE, len(channel))
        ys = place * (_HIGH + _GAP) + _HIGH * (1 - (channel - low) / (high - low))
        lines.append("M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)))
    return Drawn(lines=tuple(lines), width=_WIDE, height=len(values) * (_HIGH + _GAP) - _GAP)


def _range(values: Values) -> tuple[float, float]:
    """The smallest and the largest number, apart by something."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("a sample without numbers")
    return low, high if high > low else low + 1
