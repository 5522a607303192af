"""An encoder and the form of its data in, the encoder that takes grids as they were measured out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from randquant.data import Form
from randquant.data.own.grids import GridForm
from randquant.encoder import OwnEncoder
from randquant.spec import Spec

_FAR = 100.0  # spreads from 0 up to which float32 holds a mean to a hundred thousandth of the spread


class Scale(nn.Module):
    """What was measured, [B, C, *size] of any type, to mean 0 and spread 1 in float32; NaN stays NaN.

    Args:
        form: how the encoder's inputs were scaled.

    Attributes:
        mean, spread: [C, 1, …], float64 where means lie so far from 0 that float32 is too coarse for what was measured.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, form: GridForm) -> None:
        super().__init__()
        self.form = form
        far = any(abs(mean) > _FAR * spread for mean, spread in zip(form.mean, form.spread, strict=True))
        for name, values in (("mean", form.mean), ("spread", form.spread)):
            column = torch.tensor(values, dtype=torch.float64 if far else torch.float32)
            self.register_buffer(name, column.view(-1, *([1] * len(form.spec.size))))

    @property
    def precision(self) -> torch.dtype:
        """The type that values are taken in."""
        return self.mean.dtype

    def forward(self, values: Tensor) -> Tensor:
        """float32 [B, C, *size]."""
        return ((values.to(self.precision) - self.mean) / self.spread).float()


class Measured(nn.Module):
    """An encoder whose grids come as they were measured; rows of tables and symbols come as the form makes them.

    Args:
        encoder: in eval mode.
        form: of the data that it was trained on; None for a data set of the catalogue, whose inputs it takes as they
            are.

    Attributes:
        spec: of its inputs; the values of grids are those before the scale.
        width: numbers in a feature (D).
    """

    def __init__(self, encoder: OwnEncoder, form: Form | None) -> None:
        super().__init__()
        self.encoder, self.form = encoder, form
        self.spec: Spec = encoder.spec
        self.width = encoder.width
        forms = (None,) * len(self.spec.inputs) if form is None else form.inputs
        self.scales = nn.ModuleList(Scale(one) if isinstance(one, GridForm) else nn.Identity() for one in forms)
        self.eval()

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Inputs [B, ...] to features [B, D]."""
        features: Tensor = self.encoder([scale(values) for scale, values in zip(self.scales, inputs, strict=True)])
        return features
