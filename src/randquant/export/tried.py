"""A run in, samples to try its export with out: its own, read as `embed` reads them, or made-up ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from randquant.data.own import open_source
from randquant.data.own.grids import GridForm, spaced
from randquant.errors import UserError
from randquant.export.measured import Measured, Scale
from randquant.run import Run
from randquant.spec import Grid, Input, Spec, Table, Tokens

SAMPLES = 7


class Tried(NamedTuple):
    """The same samples twice.

    Attributes:
        inputs: for the encoder of the run, one tensor an input.
        given: for what was exported.
        named: what they are, in words.
        why: in brackets, why they are not the run's own.
    """

    inputs: tuple[Tensor, ...]
    given: tuple[Tensor, ...]
    named: str
    why: str = ""


def tried(run: Run, encoder: Measured) -> Tried:
    """Samples of the path that the run was trained on, spread over it; made-up ones where it cannot be read."""
    facts = run.data
    if facts is None or encoder.form is None or facts["path"] is None:
        return made_up(encoder)
    path = Path(facts["path"])
    try:
        source = open_source(path, encoder.form)
        rows = spaced(range(len(source)), SAMPLES)
        raw = source.raw(rows)
        inputs = tuple(form(values) for form, values in zip(encoder.form.inputs, raw, strict=True))
    except UserError as problem:
        return made_up(encoder)._replace(why=f" ({problem})")
    return Tried(inputs, _given(encoder, raw, inputs), f"{len(rows)} samples of {path.name}")


def made_up(encoder: Measured, count: int = SAMPLES) -> Tried:
    """Made-up samples that fit an encoder, always the same ones."""
    inputs = list(samples(encoder.spec, count))
    raw: list[Any] = list(inputs)
    for place, form in enumerate(encoder.form.inputs if encoder.form else ()):
        if isinstance(form, GridForm):
            raw[place] = form.measured(inputs[place].double()).numpy()
            inputs[place] = form(raw[place])
    return Tried(tuple(inputs), _given(encoder, raw, inputs), f"{count} made-up samples")


def _given(encoder: Measured, raw: Sequence[Any], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What was exported takes: grids as they were measured, in the type of its scale; others as the encoder does."""
    return tuple(
        torch.from_numpy(scale.form.laid_out(values)).to(scale.precision) if isinstance(scale, Scale) else one
        for scale, values, one in zip(encoder.scales, raw, inputs, strict=True)
    )


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
