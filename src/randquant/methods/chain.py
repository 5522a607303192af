"""The partners of a method in, one view of a batch out: transforms of the inputs, then of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.errors import UserError
from randquant.methods.method import transformer
from randquant.quantize.draw import Draws


class InputView(Protocol):
    """A keyed transform of the inputs. Same draws and view number, same result."""

    def __call__(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to inputs of the same shapes; `view` numbers the views of one sample."""
        ...


class EmbeddingView(Protocol):
    """A keyed transform of the embeddings, as they are before class token and positions."""

    def __call__(self, tokens: Tensor, padding: Tensor | None, draws: Draws, view: int) -> Tensor:
        """Embeddings [B, N, D], and where they are padding (bool [B, N]), to embeddings of the same shape."""
        ...


@dataclass(frozen=True)
class Chain:
    """What makes a view. Transforms of the inputs act first, then those of the embeddings, each in their order."""

    inputs: tuple[InputView, ...] = ()
    embeddings: tuple[EmbeddingView, ...] = ()

    def __add__(self, other: Chain) -> Chain:
        """This chain, then another."""
        return Chain(self.inputs + other.inputs, self.embeddings + other.embeddings)

    def change(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to those of a view: what `embed` and `encode` take."""
        for transform in self.inputs:
            inputs = transform(inputs, draws, view)
        return inputs

    def embed(
        self, encoder: DomainAgnosticTransformer, inputs: tuple[Tensor, ...], draws: Draws, view: int
    ) -> tuple[Tensor, Tensor | None]:
        """A view's inputs to its embeddings [B, N, D], and where they are padding (bool [B, N])."""
        tokens, padding = encoder.embed(inputs), encoder.padding(inputs)
        for transform in self.embeddings:
            tokens = transform(tokens, padding, draws, view)
        return tokens, padding

    def encode(self, encoder: Encoder, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> Tensor:
        """A view's inputs to its features [B, D].

        Raises:
            UserError: a partner acts on embeddings, and the encoder is a user's own module.
        """
        if not self.embeddings:
            features: Tensor = encoder(inputs)
            return features
        own = transformer(encoder, "a partner", "changes")
        return own.encode(*self.embed(own, inputs, draws, view))

    def pair(self, inputs: tuple[Tensor, ...], draws: Draws, progress: float) -> list[tuple[Tensor, ...]]:
        """The inputs of the two views of a batch.

        Raises:
            UserError: nothing is changed, so that a view equals its input; looked for at the first step.
        """
        views = [self.change(inputs, draws, view) for view in range(2)]
        if progress == 0 and not self.embeddings and _same(views[0], inputs):
            raise UserError("method: a view equals its input, so there is nothing to learn; choose a stronger one")
        return views


def _same(view: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
    """Whether nothing was changed; constant values come back from quantization equal to 2e-6."""
    for one, other in zip(view, inputs, strict=True):
        if one.shape != other.shape:  # cut where it was read
            return False
        slack = 1e-5 * (other.max() - other.min()) if other.is_floating_point() else 0
        if not ((one - other).abs() <= slack).all() and not (other == other.flatten()[0]).all():
            return False
    return True
