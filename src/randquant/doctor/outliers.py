"""Samples in, a finding where a few far values eat the range of the bins out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from randquant.doctor.finding import Finding, Patient, channels
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.draw import Draws
from randquant.quantize.information import Kept, kept

_FULL = 0.9  # of the elements in one bin: the others are hardly used
_LOOKED = 256  # samples, or draws for a column of a table
_COUNTED = 200_000  # values of a channel, at most
_TIED = 0.5  # of the values are the same one: then it is that value which fills a bin, and no outlier's doing


def outliers(patient: Patient) -> Iterator[Finding]:
    """Channels most of whose values share one bin."""
    for place, one, values in patient.numbers():
        found = _in_columns(patient, values, one.limits) if not one.size else _in_samples(patient, values)
        fullest, bits = found.fullest, found.bits  # [C]
        tied = torch.tensor([_tied(values[:, c]) for c in range(one.channels)])
        full = (fullest > _FULL) & ~tied
        numbers = [int(c) for c in full.nonzero().flatten()]
        if numbers:
            worst = max(numbers, key=lambda c: float(fullest[c]))
            yield Finding(
                "outliers",
                f"{patient.name(place)}{channels(numbers)}: of {patient.bins} bins the fullest holds "
                f"{float(fullest[worst]):.1%} of the values of channel {worst}, which keeps {float(bits[worst]):.2f} "
                f"of {math.log2(patient.bins):.2f} bits",
                "a few far values eat the range: the views differ in these alone",
                "give the logarithm of the channel, or draw bins among its values: --edges quantile"
                if one.size
                else "give the logarithm of the column, or its ranks",
            )


def _in_samples(patient: Patient, values: Tensor) -> Kept:
    """What bins keep of each channel, the mean over samples; [C] each."""
    batch = patient.read["train"]
    rows = torch.linspace(0, len(values) - 1, min(_LOOKED, len(values))).long()
    some = values[rows]
    keys = Draws(0, 0, batch.ids[rows]).keys("rq/0")
    edges = quantize_with_bins(some, patient.bins, keys).edges
    found = kept(some.flatten(2).flatten(0, 1), edges.flatten(0, 1))
    return Kept(*(one.view(some.shape[:2]).mean(0) for one in found))


def _in_columns(patient: Patient, values: Tensor, limits: tuple[tuple[float, float], ...] | None) -> Kept:
    """What bins keep of each column of a table, the mean over draws; [C] each."""
    rows = values.double()
    finite = rows.isfinite()
    low = torch.where(finite, rows, torch.inf).amin(0)
    high = torch.where(finite, rows, -torch.inf).amax(0)
    if limits is not None:
        low, high = torch.tensor(limits, dtype=torch.float64).unbind(1)
    keys = Draws(0, 0, torch.arange(_LOOKED)).keys("rq/0")
    usable = low.isfinite() & high.isfinite()
    ends = low.where(usable, torch.zeros(())).float(), high.where(usable, torch.zeros(())).float()
    edges = quantize_with_bins(values[:1].expand(_LOOKED, -1), patient.bins, keys, ends).edges  # [K, C, R-1]
    columns = [kept(rows[:, c].expand(_LOOKED, -1), edges[:, c]) for c in range(rows.shape[1])]
    return Kept(*(torch.stack([one.mean() for one in parts]) for parts in zip(*columns, strict=True)))


def _tied(values: Tensor) -> bool:
    """Whether one value makes up most of a channel."""
    flat = values.flatten()
    _, counts = np.unique(flat[flat.isfinite()][:_COUNTED].numpy(), return_counts=True)
    return counts.size > 0 and counts.max() > _TIED * counts.sum()
