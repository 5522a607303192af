"""A user's own module in, an encoder that methods and loop can use out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from randquant.encoder.embed import filled
from randquant.errors import UserError
from randquant.spec import Spec


class ForeignEncoder(nn.Module):
    """Any module that gives features [B, D] from the inputs of a sample, each its own argument.

    Args:
        module: called as `module(*inputs)`.
        spec: what a sample is.
        inputs: some samples, 2 at least, to find D.
        width: D, where it is known; then `inputs` are not needed.

    Attributes:
        width: numbers in a feature (D).

    Raises:
        UserError: the module fails on these inputs, or does not give [B, D].
    """

    def __init__(
        self, module: nn.Module, spec: Spec, inputs: Sequence[Tensor] = (), *, width: int | None = None
    ) -> None:
        super().__init__()
        self.module, self.spec = module, spec
        self.width = _find_width(module, inputs) if width is None else width

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Inputs [B, ...] to features [B, D]; what is missing in them is 0 to the module."""
        given = [filled(values) if one.gaps else values for one, values in zip(self.spec.inputs, inputs, strict=True)]
        features: Tensor = self.module(*given)
        return features


def _find_width(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            features = module(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as problem:
        shapes = ", ".join(str(tuple(one.shape)) for one in inputs)
        told = " ".join(str(problem).split())
        raise UserError(f"encoder: {type(module).__name__} failed on inputs of shape {shapes}: {told}") from problem
    finally:
        module.train(was_training)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(inputs[0]):
        given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise UserError(f"encoder: {type(module).__name__} gave {given}, must give a tensor (B, D), one row a sample")
    return features.shape[1]
