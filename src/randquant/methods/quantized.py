"""Inputs or embeddings in, quantized ones out: the partners `rq` and `uniform`.

Source: Wu et al., "Randomized Quantization: A Generic Augmentation for Data Agnostic Self-supervised Learning", ICCV
2023. Where it acts on embeddings, each of their dimensions is a channel over the tokens of its sample: our reading, no
public code shows it.

`uniform` asks whether the random edges matter: its bins are equally wide and always at the same places, and what makes
two views differ is the value alone, drawn from the bin as for `rq`. That is the paper's own comparison; middles of
bins would make all views of a sample one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from randquant.errors import UserError
from randquant.methods.chain import Chain
from randquant.methods.method import NotApplicableError
from randquant.methods.reads import reads
from randquant.quantize import randomized_quantize
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec

PLAIN = ("bins", "values", "per", "at", "quantized_views")  # what is read of the settings, whatever is made of the bins


@reads(*PLAIN, "edges", "gradient")
def quantized(spec: Spec, settings: MethodSettings, word: str = "rq") -> Chain:
    """The part of a chain that `rq` stands for.

    Args:
        spec, settings: of the samples, and how they are quantized.
        word: the partner's name, for errors and for the names of what is drawn.

    Raises:
        NotApplicableError: the spec has nothing that can be quantized there.
        UserError: a table without the limits that this needs.
    """
    inputs = () if settings.at == "embeddings" else (QuantizedInputs(spec, settings, word),)
    embeddings = () if settings.at == "input" else (QuantizedEmbeddings(spec, settings, word),)
    return Chain(inputs, embeddings)


@reads(*PLAIN, "gradient")
def equally_quantized(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `uniform` stands for; it raises what `quantized` does."""
    return quantized(spec, replace(settings, edges="uniform"), "uniform")


@dataclass(frozen=True)
class QuantizedInputs:
    """Quantize every real-valued channel of every sample by bins of its own; symbols and codes pass untouched.

    Raises:
        NotApplicableError: the spec has nothing that can be quantized.
        UserError: a table without limits, or one whose columns should share their bins.
    """

    spec: Spec
    settings: MethodSettings
    word: str = "rq"

    def __post_init__(self) -> None:
        if not any(one.channels for one in self.spec.inputs):
            raise NotApplicableError(
                f"method: {self.word} was given symbols alone, which cannot be quantized; set at to embeddings, to "
                "quantize those, or take emix"
            )
        tables = [one for one in self.spec.inputs if one.channels and not one.size]
        if tables and self.settings.edges == "quantile":
            raise UserError(
                "edges: got quantile for a table, whose columns have one value a sample and no quantiles; take random, "
                "and of a column with far values its logarithm or its ranks"
            )
        if any(one.limits is None for one in tables):
            raise UserError(
                f"limits: {self.word} was given a table without them; each column needs its training set's range"
            )
        if tables and self.settings.per == "sample":
            raise UserError("per: got sample for a table, whose columns have ranges of their own; take channel")

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
                numbers = randomized_quantize(
                    numbers,
                    self.settings.bins,
                    per=self.settings.per,
                    edges=self.settings.edges,
                    values=self.settings.values,
                    limits=limits,
                    keys=draws.named(f"{self.word}/{place}", view),
                )
                views[place] = torch.cat([numbers, codes], dim=1) if codes.shape[1] else numbers
        return tuple(views)


@dataclass(frozen=True)
class QuantizedEmbeddings:
    """Quantize every dimension of a sample's embeddings over its tokens; padding is neither measured nor changed.

    Raises:
        NotApplicableError: a sample has one token, so that each of its dimensions has one value.
    """

    spec: Spec
    settings: MethodSettings
    word: str = "rq"

    def __post_init__(self) -> None:
        if self.spec.tokens < 2:
            raise NotApplicableError(
                f"method: {self.word} on embeddings needs 2 tokens a sample, got {self.spec.tokens}; quantize the input"
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
            per=self.settings.per,
            edges=self.settings.edges,
            values=self.settings.values,
            gradient=self.settings.gradient,
            keys=draws.named(f"{self.word}/embeddings", view),
        )
        return quantized if hidden is None else torch.where(hidden, tokens, quantized)


def _spared(settings: MethodSettings, view: int) -> bool:
    """Whether this view goes without quantization."""
    return settings.quantized_views == "one" and view == 1
