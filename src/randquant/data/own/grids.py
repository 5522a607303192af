"""Raw grids of one size or several in, one tensor of a fixed size out: scaled by channel, NaN past a sample's end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.own.patches import choose_patch
from randquant.errors import InfiniteError, UserError
from randquant.spec import Grid

Raw = NDArray[Any] | Sequence[NDArray[Any]]  # [B, C, *size], or B times [C, *size] whose sizes may differ
_CHUNK = 1 << 22  # values looked at together
_LOOKED = 1 << 26  # values that are looked at for scale, of larger data evenly spaced samples


@dataclass(frozen=True)
class GridForm:
    """How raw grids become inputs.

    Args:
        spec: what comes out.
        mean, spread: of each channel, where the encoder was trained; a channel that never varies has a spread of 1.
    """

    spec: Grid
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("mean", "spread"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def __call__(self, raw: Raw) -> Tensor:
        """float32 [B, C, *size]; what is longer is cut at its end.

        Raises:
            UserError: it has other channels or, where the spec has no gaps, another size or NaN.
        """
        shape = (-1, *([1] * len(self.spec.size)))
        out = self.laid_out(raw)
        out -= np.asarray(self.mean, np.float64).reshape(shape)
        out /= np.asarray(self.spread, np.float64).reshape(shape)
        return torch.from_numpy(out.astype(np.float32))

    def laid_out(self, raw: Raw) -> NDArray[np.float64]:
        """What was measured, float64 [B, C, *size]: cut at its end, NaN past it; errors as those of a call."""
        one = self.spec
        out = np.full((len(raw), *one.shape), np.nan)
        for place, values in enumerate([raw] if isinstance(raw, np.ndarray) else raw):
            where = slice(None) if isinstance(raw, np.ndarray) else slice(place, place + 1)
            values = values if isinstance(raw, np.ndarray) else values[None]
            if values.ndim != len(one.shape) + 1 or values.shape[1] != one.channels:
                raise UserError(
                    f"data: a sample has shape {values.shape[1:]}, but the encoder takes {one.channels} channels over "
                    f"{len(one.size)} dimensions"
                )
            values = values[(slice(None), slice(None), *(slice(side) for side in one.size))]
            corner = (where, slice(None), *(slice(side) for side in values.shape[2:]))
            out[corner] = values
        if not one.gaps and out.size and np.isnan(out.min()):
            raise UserError(
                f"data: a sample is shorter than {one.size} or holds NaN, which no sample did that the encoder was "
                "trained on; cut or fill it"
            )
        return out

    def measured(self, values: Tensor) -> Tensor:
        """What inputs [B, C, *size] were before they were scaled: of what people look at and listen to."""
        shape = (-1, *([1] * len(self.spec.size)))
        mean, spread = (torch.tensor(one, dtype=torch.float64).view(shape) for one in (self.mean, self.spread))
        return as_measured(values, mean, spread).to(values.dtype)


def as_measured(values: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """What values were before they were scaled, float64.

    Rounded to a hundred thousandth of the spread, or so: float32 has lost what lay below.
    """
    step = 10.0 ** (spread.log10().floor() - 5)
    return ((values * spread + mean) / step).round() * step + 0.0  # + 0: not -0


def fit_grid(
    read: Callable[[Sequence[int]], Raw],
    rows: Sequence[int],
    channels: int,
    size: tuple[int, ...],
    *,
    patch: tuple[int, ...],
    ragged: bool,
    notes: list[str],
    padded: bool = False,
) -> GridForm:
    """The form of grids of these sizes.

    Args:
        read: gives raw grids by row.
        rows: those that may be looked at.
        channels, size: of the largest, or what is to be kept of it.
        patch: as the user wants it; () chooses one.
        ragged: whether samples may end earlier.
        notes: gets a line for each thing inferred.
        padded: whether NaN may be the end of a shorter sample, so that it is no news.

    Raises:
        UserError: values are infinite, or no channel varies.
    """
    values = channels * math.prod(size)
    seen = spaced(rows, max(64, _LOOKED // values))
    mean, spread, missing, lacking, count = _moments(read, seen, channels, values)
    patch, filled, told = choose_patch(size, patch)
    notes.append(told)
    gaps = ragged or missing > 0 or filled != size
    if missing and not padded:
        samples = f"{lacking:,} sample{'s' * (lacking > 1)}"
        notes.append(
            f"missing: {missing:,} of {count:,} values {'is' if missing == 1 else 'are'} NaN, in {samples}, and "
            "masked: neither attended to, averaged nor binned"
        )
    still = np.flatnonzero(spread == 0)
    if len(still) == channels:
        raise UserError("data: all samples hold the same value throughout, so there is nothing to learn")
    if len(still):
        notes.append(f"channels: {', '.join(map(str, still[:8]))} never vary{'…' if len(still) > 8 else ''}")
    spread[still] = 1
    notes.append(f"scale: each channel is brought to mean 0 and spread 1, as measured on {len(seen):,} samples")
    return GridForm(Grid(channels, filled, patch, gaps), tuple(mean.tolist()), tuple(spread.tolist()))


def spaced(rows: Sequence[int], most: int) -> Sequence[int]:
    """At most so many of the rows, evenly spaced, in order."""
    return rows if len(rows) <= most else [rows[int(place)] for place in np.linspace(0, len(rows) - 1, most)]


class _Moments(NamedTuple):
    """What is measured on samples.

    Attributes:
        mean, spread: of each channel, float64 [C].
        missing: values that are NaN.
        lacking: samples that hold such.
        values: all of them.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    missing: int
    lacking: int
    values: int


def _moments(read: Callable[[Sequence[int]], Raw], rows: Sequence[int], channels: int, values: int) -> _Moments:
    """What is measured on these samples."""
    count, total, squares = (np.zeros(channels) for _ in range(3))
    base: NDArray[np.float64] | None = None  # near the mean, so that squares stay small
    missing = lacking = 0
    step = max(1, _CHUNK // values)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        raw = read(some)
        for number, grid in enumerate([raw] if isinstance(raw, np.ndarray) else raw):
            batch = np.asarray(grid if isinstance(raw, np.ndarray) else grid[None], np.float64)
            flat = batch.reshape(len(batch), channels, -1)
            if np.isinf(flat).any():
                bad = np.flatnonzero(np.isinf(flat).any(axis=(1, 2)))[0] + (
                    0 if isinstance(raw, np.ndarray) else number
                )
                raise InfiniteError(f"data: sample {some[bad]} holds infinite values; replace them")
            lacks = np.isnan(flat)
            missing += int(lacks.sum())
            lacking += int(lacks.any(axis=(1, 2)).sum())
            if base is None:
                base = np.where(
                    lacks.all(axis=(0, 2)), 0, np.nansum(flat, axis=(0, 2)) / (~lacks).sum(axis=(0, 2)).clip(1)
                )
            moved = np.where(lacks, 0, flat - base[:, None])
            count += (~lacks).sum(axis=(0, 2))
            total += moved.sum(axis=(0, 2))
            squares += (moved**2).sum(axis=(0, 2))
    assert base is not None
    shift = total / count.clip(1)
    variance = (squares / count.clip(1) - shift**2).clip(0)
    spread = np.sqrt(variance)
    spread[spread <= 1e-9 * np.abs(base + shift)] = 0
    return _Moments(base + shift, spread, missing, lacking, missing + int(count.sum()))
