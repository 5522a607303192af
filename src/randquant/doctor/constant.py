"""Samples in, findings about channels that say nothing, or nearly nothing, out."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from randquant.doctor.finding import Finding, Patient, channels

_MOSTLY = 0.98  # of a channel's values are the same one
_OFTEN = 0.5  # of the samples have a channel without a range
_LOOKED = 200_000  # values of a channel


def constant(patient: Patient) -> Iterator[Finding]:
    """Channels of one value, of nearly one value, and of one value within most samples."""
    for place, one, values in patient.numbers():
        name = patient.name(place)
        rows = values.transpose(0, 1).flatten(1)  # [C, N x elements]
        rows = rows[:, :: -(-rows.shape[1] // _LOOKED)]
        fixed, mostly, often = [], [], []
        for channel, row in enumerate(rows):
            known = row[row.isfinite()]
            _, counts = torch.unique(known, return_counts=True)
            if len(counts) <= 1:
                fixed.append(channel)
            elif float(counts.max()) > _MOSTLY * len(known):
                mostly.append(channel)
        if one.size:
            flat = values.flatten(2)
            finite = flat.isfinite()
            span = torch.where(finite, flat, -torch.inf).amax(2) - torch.where(finite, flat, torch.inf).amin(2)
            share = (span <= 0).double().mean(0)  # [C]
            often = [c for c in _which(share > _OFTEN) if c not in fixed and c not in mostly]
        if fixed:
            yield Finding(
                "channels",
                f"{name}{channels(fixed)}: the same value in all samples",
                "pretrain refuses it: it says nothing",
                "leave it out",
            )
        if mostly:
            yield Finding(
                "channels",
                f"{name}{channels(mostly)}: one value makes up more than {_MOSTLY:.0%}",
                "randomized quantization changes little in it, so that views hardly differ",
                "leave it out, unless the rare values are what matters",
            )
        if often:
            yield Finding(
                "channels",
                f"{name}{channels(often)}: without a range in more than {_OFTEN:.0%} of the samples",
                "these samples come back unchanged there, so that their views are alike",
                "take longer samples, or leave the channel out",
            )


def _which(flags: torch.Tensor) -> list[int]:
    return [int(number) for number in flags.nonzero().flatten()]
