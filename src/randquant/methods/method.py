"""The shape of a method: (encoder, batch, draws, progress) in, a loss and its metrics out."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from randquant.data.batch import Batch
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.errors import UserError
from randquant.quantize.draw import Draws


class Loss(NamedTuple):
    """What a method gives for a batch.

    Attributes:
        value: the loss, a scalar that carries the gradient. With several processes: of this one's samples; the mean
            over the processes is the loss of the global batch.
        metrics: scalars to be logged, detached, by name.
    """

    value: Tensor
    metrics: dict[str, Tensor]


class NotApplicableError(UserError):
    """The method or partner has no use for such samples: nothing is wrong, there is nothing for it to do."""


class Method(Protocol):
    """A self-supervised method, an `nn.Module`. It never sees data sets, optimizers or files."""

    def forward(self, encoder: Encoder, batch: Batch, draws: Draws, progress: float) -> Loss:
        """The loss of one batch.

        Args:
            encoder: gives features [B, D] from the inputs.
            batch: the samples of this process.
            draws: all random numbers that the method may use.
            progress: the share of the training that is done, from 0 to below 1.
        """
        ...

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimizer groups of the method's own trained parameters; the encoder's are not among them."""
        ...


def transformer(encoder: Encoder, who: str, deed: str) -> DomainAgnosticTransformer:
    """The encoder, which must be one that can be entered at its embeddings.

    Args:
        who, deed: who asks, and what it does with embeddings, as the error says them.

    Raises:
        UserError: it is a user's own module.
    """
    if not isinstance(encoder, DomainAgnosticTransformer):
        raise UserError(
            f"encoder: {who} {deed} embeddings, so it needs randquant's own transformer; rq on inputs takes any"
        )
    return encoder


def check_several(batch: Batch, others: str) -> None:
    """Refuse a batch of one: the other samples are the `others`.

    Raises:
        UserError: this process has fewer than 2 samples.
    """
    if len(batch.ids) < 2:
        raise UserError(f"batch: got {len(batch.ids)} sample, must be at least 2: others are the {others}")
