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

    def change(
        self, inputs: tuple[Tensor, ...], draws: Draws, view: int, progress: float | None = None
    ) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to those of a view: what `embed` and `encode` take.

        Raises:
            UserError: nothing is changed, so that a view equals its input; looked for in the first view of the first
                step of a training, whose progress is 0, and not where partners change the embeddings.
        """
        changed = inputs
        for transform in self.inputs:
            changed = transform(changed, draws, view)
        looked_for = progress == 0 and view == 0 and self.inputs and not self.embeddings
        if looked_for and _same(changed, inputs):
            raise UserError("method: a view equals its input, so its partners do nothing; choose stronger ones")
        return changed

    def embed(
        self, encoder: DomainAgnosticTransformer, inputs: tuple[Tensor, ...], draws: Draws, view: int
    ) -> tuple[Tensor, Tensor | None]:
        """A view's inputs to its embeddings [B, N, D], and where they are padding (bool [B, N])."""
        tokens, padding = encoder.embed(inputs), encoder.padding(inputs)
        for transform in self.embeddings:
            tokens = transform(tokens, padding, draws, view)
        return tokens, padding

    def first_view(
        self, encoder: DomainAgnosticTransformer, inputs: tuple[Tensor, ...], draws: Draws, progress: float
    ) -> tuple[Tensor, Tensor | None]:
        """Inputs [B, ...] to the embeddings [B, N, D] of their first view, and where they are padding (bool [B, N]).

        Raises:
            UserError: it equals the inputs.
        """
        return self.embed(encoder, self.change(inputs, draws, 0, progress), draws, 0)

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


def _same(view: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
    """Whether nothing was changed; constant values come back from quantization equal to 2e-6."""
    for one, other in zip(view, inputs, strict=True):
        if one.shape != other.shape:  # cut where it was read
            return False
        slack = 1e-5 * (other.max() - other.min()) if other.is_floating_point() else 0
        if not ((one - other).abs() <= slack).all() and not (other == other.flatten()[0]).all():
            return False
    return True
