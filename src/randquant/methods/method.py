"""The shape of a method: (encoder, batch, draws, progress) in, a loss and its metrics out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from randquant.data.batch import Batch
from randquant.quantize.draw import Draws


class Loss(NamedTuple):
    """What a method gives for a batch.

    Attributes:
        value: the loss, a scalar that carries the gradient.
        metrics: scalars to be logged, detached, by name.
    """

    value: Tensor
    metrics: dict[str, Tensor]


class View(Protocol):
    """A keyed transform of the inputs. Same draws and view number, same result."""

    def __call__(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to inputs of the same shapes; `view` numbers the views of one sample."""
        ...


class Method(Protocol):
    """A self-supervised method, an `nn.Module`. It never sees data sets, optimizers or files."""

    def forward(self, encoder: nn.Module, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        Args:
            encoder: gives features [B, D] from the inputs.
            batch: the samples.
            draws: all random numbers that the method may use.
            progress: the share of the training that is done, from 0 to below 1.
        """
        ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimizer groups of the method's own parameters; the encoder's are not among them."""
        ...


def apply(views: Sequence[View], inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
    """One view of the inputs: the transforms one after another."""
    for transform in views:
        inputs = transform(inputs, draws, view)
    return inputs
