"""Inputs or embeddings in, the same with Gaussian noise as large as the error of `rq` out: the partner `noise`.

It asks whether quantization matters, or only that something is lost. The error is measured, not expected: each view is
quantized as `rq` would, and the noise of a channel of a sample (a dimension of its embeddings, a cell of a table) has
the root mean square of what quantization would have changed there, so that both have the same mean squared error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randquant.methods.chain import Chain, EmbeddingView, InputView
from randquant.methods.quantized import PLAIN, quantized
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


@reads(*PLAIN, "edges")
def noisy(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `noise` stands for; it acts where `rq` would, and raises what `quantized` does."""
    like = quantized(spec, settings, "noise")
    return Chain(
        tuple(NoisyInputs(spec, one) for one in like.inputs), tuple(NoisyEmbeddings(one) for one in like.embeddings)
    )


@dataclass(frozen=True)
class NoisyInputs:
    """Add noise to every real-valued channel; symbols and codes pass untouched."""

    spec: Spec
    like: InputView

    def __call__(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to inputs of the same shapes."""
        views = list(self.like(inputs, draws, view))
        for place, (one, values) in enumerate(zip(self.spec.inputs, inputs, strict=True)):
            if one.channels:
                error = views[place] - values  # 0 for codes
                mean = torch.nanmean if one.gaps else torch.mean
                size = mean(error.flatten(2).square(), dim=2).sqrt() if error.ndim > 2 else error.abs()  # [B, C]
                size = size.reshape(*size.shape, *[1] * (error.ndim - 2))
                views[place] = values + size * _normal(f"noise/{place}/size", values, draws, view)
        return tuple(views)


@dataclass(frozen=True)
class NoisyEmbeddings:
    """Add noise to every dimension of a sample's embeddings; padding is neither measured nor changed."""

    like: EmbeddingView

    def __call__(self, tokens: Tensor, padding: Tensor | None, draws: Draws, view: int) -> Tensor:
        """Embeddings [B, N, D] to embeddings of the same shape; the whole gradient passes."""
        with torch.no_grad():
            error = self.like(tokens, padding, draws, view) - tokens  # 0 for padding
            shown = torch.ones_like(error[..., :1]) if padding is None else (~padding).unsqueeze(-1).to(error.dtype)
            squared = (error.square() * shown).sum(dim=1, keepdim=True) / shown.sum(dim=1, keepdim=True).clamp(min=1)
            noise = squared.sqrt() * shown * _normal("noise/embeddings/size", tokens, draws, view)
        return tokens + noise


def _normal(purpose: str, like: Tensor, draws: Draws, view: int) -> Tensor:
    """Normal numbers of a tensor's shape [B, ...] and type, by the inverse of their distribution."""
    fractions = draws.uniform(purpose, *like.shape[1:], view=view).double() + 2.0**-25  # the middle of a step of 2^-24
    normal: Tensor = torch.special.ndtri(fractions)
    return normal.to(like.dtype)
