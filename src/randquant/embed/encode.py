"""An encoder and samples in, blocks of their embeddings out, as they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from randquant.data import Samples, hold_nothing
from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.errors import UserError


class Block(NamedTuple):
    """Some samples and what the encoder says of them.

    Attributes:
        ids: int64 [B].
        values: float32 [B, D], or of tokens [B, N, D].
        masked: bool [B, N], the tokens that stand for padding; None where there is none.
        empty: bool [B], the samples that hold no value at all, so that their values here are of none.
    """

    ids: Tensor
    values: Tensor
    masked: Tensor | None
    empty: Tensor


def blocks(encoder: Encoder, samples: Samples, *, batch: int, tokens: bool = False) -> Iterator[Block]:
    """The embeddings of all samples, in their order, from the encoder as it is used: no dropout, no gradient.

    Args:
        encoder: in eval mode.
        samples: in memory or in files.
        batch: samples that are encoded together.
        tokens: the output at every token, without the class token's, in place of features.

    Raises:
        UserError: tokens are asked of an encoder that is not randquant's own transformer.
    """
    if tokens and not isinstance(encoder, DomainAgnosticTransformer):
        raise UserError("level: token needs randquant's own transformer; other encoders give one vector a sample")
    device = next(encoder.parameters()).device
    for rows in torch.split(torch.arange(len(samples.ids)), batch):
        taken = samples.take(rows)
        with torch.inference_mode():
            inputs = taken.to(device).inputs
            if tokens and isinstance(encoder, DomainAgnosticTransformer):
                masked = encoder.ignored(encoder.padding(inputs))
                values = encoder.encode_tokens(encoder.embed(inputs), encoder.padding(inputs))[:, 1:]
            else:
                masked, values = None, encoder(inputs)
        empty = hold_nothing(encoder.spec, taken.inputs)
        yield Block(taken.ids, values.float().cpu(), None if masked is None else masked.cpu(), empty)
