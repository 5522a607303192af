"""Embeddings in, the same with some set to 0 out: the partner `mask`."""

from __future__ import annotations

from torch import Tensor

from randquant.methods.chain import Chain
from randquant.methods.positions import choose
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


@reads("mask_share")
def masked(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `mask` stands for: a share of each sample's embeddings, padding left out, become 0."""

    def hide(tokens: Tensor, padding: Tensor | None, draws: Draws, view: int) -> Tensor:
        chosen = choose(settings.mask_share, tokens.shape[1], padding, draws, "mask", view)
        return tokens.masked_fill(chosen.unsqueeze(-1), 0)

    return Chain(embeddings=(hide,))
