"""An encoder and its projector in, a slowly following copy of both out: the momentum encoder.

Source: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020.
"""

from __future__ import annotations

import copy
import math
from itertools import chain as joined

import torch
from torch import Tensor, nn

from randquant.encoder import Encoder
from randquant.methods.chain import Chain
from randquant.quantize.draw import Draws

_NEVER = -1.0  # a progress that no step has


class MomentumEncoder(nn.Module):
    """A copy of encoder and projector that no gradient reaches; its parameters follow theirs.

    Buffers, such as the running statistics of batch normalisation, are its own, from the views that it sees.

    Args:
        encoder, projector: what is copied, as it is now.
        momentum: how much of the copy a step keeps at first.
    """

    updated: Tensor

    def __init__(self, encoder: Encoder, projector: nn.Module, momentum: float) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.projector = copy.deepcopy(projector).requires_grad_(False)
        self.momentum = momentum
        self.register_buffer("updated", torch.tensor(_NEVER, dtype=torch.float64))

    def keeps(self, progress: float) -> float:
        """How much of the copy a step keeps: from the momentum up to 1, along half a cosine over the training."""
        return 1 - (1 + math.cos(math.pi * progress)) / 2 * (1 - self.momentum)

    @torch.no_grad()
    def update(self, encoder: Encoder, projector: nn.Module, progress: float) -> None:
        """Move towards encoder and projector, once a step: the batches of one step have the same progress.

        In the first step of a training nothing moves, because copy and original are still the same.
        """
        if self.updated.item() == progress:
            return
        self.updated.fill_(progress)
        mine: list[Tensor] = list(joined(self.encoder.parameters(), self.projector.parameters()))
        theirs: list[Tensor] = list(joined(encoder.parameters(), projector.parameters()))
        torch._foreach_lerp_(mine, theirs, 1 - self.keeps(progress))

    @torch.no_grad()
    def forward(self, chain: Chain, views: list[tuple[Tensor, ...]], draws: Draws) -> list[Tensor]:
        """The inputs of some views, [B, ...] each, to their projections, [B, projection] each.

        `draws` are those that made the views: partners of the embeddings then do to the copy's what they did to the
        encoder's.
        """
        return [self.projector(chain.encode(self.encoder, one, draws, view)) for view, one in enumerate(views)]
