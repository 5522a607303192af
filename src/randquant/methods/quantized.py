"""Inputs in, randomized-quantized inputs out: the view `rq`."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.quantize import randomized_quantize
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


class Quantized:
    """Quantize every real-valued channel of every sample by bins of its own; symbols and codes pass untouched.

    Raises:
        UserError: the spec has nothing that can be quantized, or a table without the limits that this needs.
    """

    def __init__(self, spec: Spec, settings: MethodSettings) -> None:
        self.spec, self.bins = spec, settings.bins
        if not any(one.channels for one in spec.inputs):
            raise UserError("method: rq was given symbols alone, which cannot be quantized; emix takes them")
        if any(one.channels and not one.size and one.limits is None for one in spec.inputs):
            raise UserError("limits: rq was given a table without them; each column needs its training set's range")

    def __call__(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to inputs of the same shapes."""
        views = list(inputs)
        for place, (one, values) in enumerate(zip(self.spec.inputs, inputs, strict=True)):
            if one.channels:
                numbers, codes = values[:, : one.channels], values[:, one.channels :]
                limits = None
                if one.limits is not None:
                    low, high = torch.tensor(one.limits, device=values.device).unbind(dim=1)  # [columns] each
                    limits = low, high
                keys = draws.keys(f"rq/{place}", view)
                numbers = randomized_quantize(numbers, self.bins, limits=limits, keys=keys)
                views[place] = torch.cat([numbers, codes], dim=1) if codes.shape[1] else numbers
        return tuple(views)
