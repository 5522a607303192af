"""Inputs of some samples in, which of the samples hold no value at all out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from randquant.spec import Spec, Table, Tokens


def hold_nothing(spec: Spec, inputs: Sequence[Tensor]) -> Tensor:
    """Samples all of whose values are missing, padding or words that are not known, bool [B]."""
    empty = torch.ones(len(inputs[0]), dtype=torch.bool, device=inputs[0].device)
    for one, values in zip(spec.inputs, inputs, strict=True):
        lacks = values == (-1 if one.padding is None else one.padding) if isinstance(one, Tokens) else values.isnan()
        if isinstance(one, Table) and one.columns:  # beside numbers that are missing, code 0 is a word not known
            lacks[:, one.columns :] |= values[:, one.columns :] == 0
        empty &= lacks.flatten(1).all(1)
    return empty
