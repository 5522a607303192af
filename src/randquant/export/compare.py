"""An encoder and what was exported of it in, how far their features are apart out."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.encoder import OwnEncoder
from randquant.export.format import Features
from randquant.spec import Grid, Input, Spec, Table, Tokens

SAMPLES = 7
_TRIED = (1, 3, SAMPLES)  # samples at a time: a file must give the same for one as for many


def samples(spec: Spec, count: int) -> tuple[Tensor, ...]:
    """Made-up inputs that fit a spec, always the same ones: one tensor an input, [count, ...]."""
    generator = torch.Generator().manual_seed(0)
    return tuple(_values(one, count, generator) for one in spec.inputs)


def _values(one: Input, count: int, generator: torch.Generator) -> Tensor:
    if isinstance(one, Tokens):
        symbols = torch.randint(one.vocabulary, (count, one.length), generator=generator)
        if one.padding is not None:
            symbols[1:, one.length // 2 :] = one.padding
        return symbols
    if isinstance(one, Table):
        codes = [torch.randint(size, (count, 1), generator=generator) for size in one.categories]
        numbers = _with_gaps(one, torch.randn(count, one.columns, generator=generator))
        return torch.cat([numbers, *(column.float() for column in codes)], dim=1)
    return _with_gaps(one, torch.randn(count, *one.shape, generator=generator))


def _with_gaps(one: Grid | Table, values: Tensor) -> Tensor:
    """NaN from the second sample on, in the last half of what each holds, where the spec has gaps."""
    if one.gaps:
        values[1:, ..., values.shape[-1] // 2 :] = torch.nan
    return values


def difference(encoder: OwnEncoder, exported: Features) -> float:
    """The largest difference of a feature, in shares of the largest feature; infinite where shapes differ."""
    inputs = samples(encoder.spec, SAMPLES)
    with torch.inference_mode():
        expected: Tensor = encoder(inputs)
    apart = 0.0
    for count in _TRIED:
        given = exported([one[:count] for one in inputs])
        if given.shape != expected[:count].shape or not bool(given.isfinite().all()):
            return float("inf")
        apart = max(apart, float((given - expected[:count]).abs().max()))
    return apart / max(float(expected.abs().max()), torch.finfo(torch.float32).tiny)
