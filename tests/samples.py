"""One small spec of every kind, random samples that fit a spec, and the numbers that a step draws for them."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.data import Batch
from randquant.quantize.draw import Draws
from randquant.settings import EncoderSettings
from randquant.spec import Grid, Spec, Table, Tokens

SMALL = EncoderSettings(width=16, depth=2, heads=2, head_width=5, mlp_width=24, dropout=0.1)
SPECS = {
    "1d": Spec((Grid(2, (12,), (4,)),)),
    "2d": Spec((Grid(3, (4, 6), (2, 3)),)),
    "3d": Spec((Grid(1, (4, 4, 2), (2, 2, 1)),)),
    "ragged": Spec((Grid(2, (12,), (4,), gaps=True),)),
    "tokens": Spec((Tokens(11, 6, padding=0),)),
    "table": Spec((Table(3, (4, 2), limits=((0, 1), (-1, 1), (0, 2))),)),
    "empty cells": Spec((Table(3, (4, 2), limits=((0, 1), (-1, 1), (0, 2)), gaps=True),)),
    "categories": Spec((Table(0, (4, 2, 3)),)),
    "image+text": Spec((Grid(3, (4, 6), (2, 3)), Tokens(11, 6, padding=0))),
}


def sample(spec: Spec, count: int = 5) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    inputs = []
    for one in spec.inputs:
        if isinstance(one, Tokens):
            ids = torch.randint(1, one.vocabulary, (count, one.length), generator=generator)
            ids[1:, -2:] = 0  # all but the first sample are short
            inputs.append(ids)
        elif isinstance(one, Table):
            codes = [torch.randint(codes, (count, 1), generator=generator).float() for codes in one.categories]
            numbers = torch.rand(count, one.columns, generator=generator)
            if one.gaps:
                numbers[1::2, 0] = torch.nan
            inputs.append(torch.cat([numbers, *codes], dim=1))
        else:
            values = torch.rand(count, *one.shape, generator=generator)
            if one.gaps:
                values[1:, ..., -5:] = torch.nan  # all but the first sample are short, not by whole patches
            inputs.append(values)
    return tuple(inputs)


def batch(spec: Spec, count: int = 5) -> Batch:
    """The same samples, with ids that are not their rows."""
    return Batch(torch.arange(count) * 7 + 3, sample(spec, count))


def draws(samples: Batch, seed: int = 0) -> Draws:
    return Draws(seed, 0, samples.ids)
