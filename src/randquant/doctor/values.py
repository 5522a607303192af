"""Samples in, findings about single values out: NaN, infinities, and numbers that a short float cannot hold."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from randquant.data import hold_nothing
from randquant.doctor.finding import Finding, Patient, channels

_HALF_MOST = torch.finfo(torch.float16).max
_HALF_LEAST = torch.finfo(torch.float16).smallest_normal
_BRAIN = torch.finfo(torch.bfloat16).eps
_SINGLE = torch.finfo(torch.float32).eps
_STEPS = 16  # a range of fewer steps of a type is not held by it
_LARGE = 100.0
_MOSTLY = 0.5  # of a sample


def not_finite(patient: Patient) -> Iterator[Finding]:
    """NaN, infinities and samples without a value, in every part; where gaps are masked, samples of mostly gaps."""
    for part, batch in patient.read.items():
        if not len(batch.ids):
            continue
        empty = hold_nothing(patient.dataset.spec, batch.inputs)
        if bool(empty.any()):
            first = patient.dataset.called(int(batch.ids[empty][0]))
            yield Finding(
                "values",
                f"{int(empty.sum()):,} of {len(empty):,} samples of {part} hold no value at all, such as {first}",
                "an encoder gives them a vector all the same, which says nothing of them",
                "leave them out",
            )
        for place, values in enumerate(batch.inputs):
            if not values.is_floating_point():
                continue
            far = values.isinf().flatten(1).any(1)
            if bool(far.any()):
                yield _infinite(
                    f"{patient.name(place)}{int(far.sum()):,} of {len(values):,} samples of {part} hold infinities"
                )
            missing = values[~empty].isnan().flatten(1)
            mostly = missing.double().mean(1) > _MOSTLY
            if patient.dataset.spec.inputs[place].gaps:  # the end of a short series, an empty cell
                if bool(mostly.any()):
                    yield Finding(
                        "values",
                        f"{patient.name(place)}{int(mostly.sum()):,} of {len(values):,} samples of {part} lack more "
                        f"than {_MOSTLY:.0%} of their values",
                        "what is missing is masked, so that these samples say little",
                        "leave them out, or give a smaller --length",
                    )
            elif bool(missing.any()):
                yield Finding(
                    "values",
                    f"{patient.name(place)}{int(missing.any(1).sum()):,} of {len(values):,} samples of {part} hold "
                    f"NaN, {float(missing.double().mean()):.1%} of all values",
                    "bins are drawn over what is there; a gap is no value that an encoder could learn from",
                    "fill them (interpolate, or take the column's median), unless a gap means something",
                )


def infinite(told: str) -> Finding:
    """Infinities that kept a path from being opened, by what was said of them."""
    return _infinite(f"{told.removeprefix('data: ').partition(';')[0]}; here they are taken for missing")


def _infinite(what: str) -> Finding:
    return Finding(
        "values",
        what,
        "a training stops at the first of them",
        "clip them to the largest value that can be measured, or make them NaN",
    )


def scale(patient: Patient) -> Iterator[Finding]:
    """Channels whose size or whose range does not fit the arithmetic of a training."""
    for place, _, values in patient.numbers():
        low, high = _ends(values)
        largest = torch.maximum(low.abs(), high.abs())
        span = high - low
        over = _which(largest > _HALF_MOST)
        under = _which((largest > 0) & (largest < _HALF_LEAST))
        single = _which((span > 0) & (span < _STEPS * _SINGLE * largest))
        brain = [c for c in _which((span > 0) & (span < _STEPS * _BRAIN * largest)) if c not in single]
        large = [c for c in _which(largest > _LARGE) if c not in over and c not in brain and c not in single]
        option = (
            "standardise each channel: subtract its mean in training, divide by its standard deviation"
            if patient.dataset.own is None
            else "clip the values that are far from the others, or give the logarithm; each channel is scaled already"
        )
        name = patient.name(place)
        for numbers, what, consequence in (
            (over, f"values up to {float(largest.max()):.3g}", "they overflow with --precision 16"),
            (under, f"no value above {_HALF_LEAST:.1g}", "they vanish with --precision 16"),
            (single, "values that differ in their last digits alone", "float32 rounds their differences away"),
            (brain, "a range that is small beside its values", "with --precision bf16 most of it is rounded away"),
            (large, f"values up to {float(largest[large].max()) if large else 0:.3g}", "their embedding starts large, "
             "which slows the first steps and may diverge"),
        ):  # fmt: skip
            if numbers:
                verb = "has" if len(numbers) == 1 else "have"
                yield Finding("values", f"{name}{channels(numbers)} {verb} {what}", consequence, option)


def _ends(values: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and largest finite value of each channel: [N, C, ...] to two [C], in float64."""
    rows = values.double().transpose(0, 1).flatten(1)
    finite = rows.isfinite()
    low = torch.where(finite, rows, torch.inf).amin(1)
    high = torch.where(finite, rows, -torch.inf).amax(1)
    none = ~finite.any(1)
    return low.masked_fill(none, 0), high.masked_fill(none, 0)


def _which(flags: Tensor) -> list[int]:
    return [int(number) for number in flags.nonzero().flatten()]
