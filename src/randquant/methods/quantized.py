"""Inputs or embeddings in, randomized-quantized ones out: the partner `rq`.

Source: Wu et al., "Randomized Quantization: A Generic Augmentation for Data Agnostic Self-supervised Learning", ICCV
2023. Where it acts on embeddings, each of their dimensions is a channel over the tokens of its sample: our reading, no
public code shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.methods.chain import Chain
from randquant.quantize import randomized_quantize
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


def quantized(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `rq` stands for.

    Raises:
        UserError: the spec has nothing that can be quantized there, or a table without the limits that this needs.
    """
    inputs = () if settings.at == "embeddings" else (QuantizedInputs(spec, settings),)
    embeddings = () if settings.at == "input" else (QuantizedEmbeddings(spec, settings),)
    return Chain(inputs, embeddings)


class QuantizedInputs:
    """Quantize every real-valued channel of every sample by bins of its own; symbols and codes pass untouched.

    Raises:
        UserError: the spec has nothing that can be quantized, or a table without the limits that this needs.
    """

    def __init__(self, spec: Spec, settings: MethodSettings) -> None:
        self.spec, self.settings = spec, settings
        if not any(one.channels for one in spec.inputs):
            raise UserError(
                "method: rq was given symbols alone, which cannot be quantized; quantize their embeddings "
                "(method_details: at=embeddings), or take emix"
            )
        if any(one.channels and not one.size and one.limits is None for one in spec.inputs):
            raise UserError("limits: rq was given a table without them; each column needs its training set's range")

    def __call__(self, inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        """Inputs [B, ...] to inputs of the same shapes."""
        if _spared(self.settings, view):
            return inputs
        views = list(inputs)
        for place, (one, values) in enumerate(zip(self.spec.inputs, inputs, strict=True)):
            if one.channels:
                numbers, codes = values[:, : one.channels], values[:, one.channels :]
                limits = None
                if one.limits is not None:
                    low, high = torch.tensor(one.limits, device=values.device).unbind(dim=1)  # [columns] each
                    limits = low, high
                keys = draws.keys(f"rq/{place}", view)
                numbers = randomized_quantize(numbers, self.settings.bins, limits=limits, keys=keys)
                views[place] = torch.cat([numbers, codes], dim=1) if codes.shape[1] else numbers
        return tuple(views)


@dataclass(frozen=True)
class QuantizedEmbeddings:
    """Quantize every dimension of a sample's embeddings over its tokens; padding is neither measured nor changed.

    Raises:
        UserError: a sample has one token, so that each of its dimensions has one value.
    """

    spec: Spec
    settings: MethodSettings

    def __post_init__(self) -> None:
        if self.spec.tokens < 2:
            raise UserError(
                f"method: rq on embeddings needs 2 tokens a sample, got {self.spec.tokens}; quantize the input"
            )

    def __call__(self, tokens: Tensor, padding: Tensor | None, draws: Draws, view: int) -> Tensor:
        """Embeddings [B, N, D] to embeddings of the same shape; the settings say what gradient passes."""
        if _spared(self.settings, view):
            return tokens
        hidden = None if padding is None else padding.unsqueeze(-1)  # [B, N, 1]
        # What is not finite is neither measured nor changed.
        seen = tokens if hidden is None else tokens.masked_fill(hidden, torch.nan)
        quantized = randomized_quantize(
            seen,
            self.settings.bins,
            channel_dim=2,
            gradient=self.settings.gradient,
            keys=draws.keys("rq/embeddings", view),
        )
        return quantized if hidden is None else torch.where(hidden, tokens, quantized)


def _spared(settings: MethodSettings, view: int) -> bool:
    """Whether this view goes without quantization."""
    return settings.quantized_views == "one" and view == 1
