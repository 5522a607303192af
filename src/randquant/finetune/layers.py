"""A classifier in, its parameters in optimizer groups out: the nearer to the input, the smaller the learning rate.

What is near the input is the most general that pretraining has found, so it should change the least.
Source: Clark et al., "ELECTRA", ICLR 2020, and Bao et al., "BEiT", ICLR 2022.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.settings import FinetuneSettings


def layers(encoder: Encoder, head: nn.Module) -> list[list[nn.Parameter]]:
    """The trained parameters, layer by layer from the input to the head, each once.

    Of the transformer: embeddings, class token and positions; each block; the last norm and the head. Of a user's own
    module: what it holds itself, with nothing trained below; each of its children in order; the head.
    """
    if isinstance(encoder, DomainAgnosticTransformer):
        later: list[nn.Module] = [*encoder.blocks, nn.ModuleList([encoder.norm, head])]
    else:
        later = [*encoder.module.children(), head]
    place = dict.fromkeys(encoder.parameters(), 0)
    for number, module in reversed(list(enumerate(later, start=1))):  # what two share stays with the first
        place |= dict.fromkeys(module.parameters(), number)
    found = [[one for one in place if place[one] == number and one.requires_grad] for number in range(len(later) + 1)]
    return [parameters for parameters in found if parameters]


def layer_groups(encoder: Encoder, head: nn.Module, settings: FinetuneSettings) -> list[dict[str, Any]]:
    """Optimizer groups with their peak learning rate, `peak`; biases, norms and other vectors do not decay."""
    groups = []
    for distance, parameters in enumerate(reversed(layers(encoder, head))):
        peak = settings.learning_rate * settings.layer_decay**distance
        matrices = [one for one in parameters if one.ndim >= 2]
        vectors = [one for one in parameters if one.ndim < 2]
        for some, decay in ((matrices, settings.weight_decay), (vectors, 0.0)):
            if some:
                groups.append({"params": some, "peak": peak, "weight_decay": decay})
    return groups
