"""Embeddings in, the same with some set to 0 out: the partner `mask`."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.methods.chain import Chain
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


def masked(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `mask` stands for."""

    def hide(tokens: Tensor, padding: Tensor | None, draws: Draws, view: int) -> Tensor:
        chosen = choose(settings.mask_share, tokens.shape[1], padding, draws, "mask", view)
        return tokens.masked_fill(chosen.unsqueeze(-1), 0)

    return Chain(embeddings=(hide,))


def choose(share: float, length: int, padding: Tensor | None, draws: Draws, purpose: str, view: int = 0) -> Tensor:
    """Choose a share of each sample's positions, rounded up, padding left out: bool [B, N].

    Args:
        share: above 0, below 1.
        length: N.
        padding: bool [B, N]; None where there is none.
        draws, purpose, view: the source of the choice.
    """
    noise = draws.uniform(purpose, length, view=view)  # [B, N]
    if padding is None:
        counts = torch.full((len(noise), 1), length, device=noise.device)
    else:
        noise = noise.masked_fill(padding, torch.inf)
        counts = (~padding).sum(dim=1, keepdim=True)
    ranks = noise.argsort(dim=1, stable=True).argsort(dim=1)
    return ranks < torch.ceil(share * counts - 1e-6)  # 0.15 * 20 is a little above 3
