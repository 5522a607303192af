"""A classifier in, its parameters in optimizer groups out: the nearer to the input, the smaller the learning rate.

What is near the input is the most general that pretraining has found, so it should change the least.
Source: Clark et al., "ELECTRA", ICLR 2020, and Bao et al., "BEiT", ICLR 2022.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from randquant.encoder import DomainAgnosticTransformer, Encoder
from randquant.settings import FinetuneSettings

_LISTS = (nn.Sequential, nn.ModuleList)


def layers(encoder: Encoder, head: nn.Module) -> list[list[nn.Parameter]]:
    """The trained parameters, layer by layer from the input to the head, each once.

    Of the transformer: embeddings, class token and positions; each block; the last norm and the head. Of a vision model
    and a user's own module the same, as far as it is made of blocks: `Sequential` and `ModuleList` are opened, also
    those inside of each other and of stages, so that each block is a layer, of a ViT's as of a ResNet's or a ConvNeXt's
    stages (as timm counts them). Norms and other modules without a matrix go with the layer before them, the last ones
    with the head; what a module that is opened holds itself, such as positions, goes with the first layer.
    """
    if isinstance(encoder, DomainAgnosticTransformer):
        later: list[nn.Module] = [*encoder.blocks, nn.ModuleList([encoder.norm, head])]
    else:
        later = _later(encoder.module, head)
    place = dict.fromkeys(encoder.parameters(), 0)
    for number, module in reversed(list(enumerate(later, start=1))):  # what two share stays with the first
        place |= dict.fromkeys(module.parameters(), number)
    found = [[one for one in place if place[one] == number and one.requires_grad] for number in range(len(later) + 1)]
    return [parameters for parameters in found if parameters]


def _later(whole: nn.Module, head: nn.Module) -> list[nn.Module]:
    """All layers of a module but the first, then the head, each as one module."""
    row = [one for child in whole.children() for one in _opened(child)]
    starts = [place for place, one in enumerate(row) if _matrices(one)]
    end = starts[-1] + 1 if starts else 0
    between = pairwise([*starts[1:], end])
    return [*(nn.ModuleList(row[start:stop]) for start, stop in between), nn.ModuleList([*row[end:], head])]


def _opened(module: nn.Module) -> list[nn.Module]:
    """The blocks that follow each other in a module, in the order they were put there; itself where it is one block."""
    children = list(module.children())
    if isinstance(module, _LISTS):
        several = sum(_matrices(one) > 0 for one in children) > 1
    else:  # a stage, or what is wrapped around the blocks: lists of blocks hold most of it
        rows = [one for one in children if isinstance(one, _LISTS) and sum(_matrices(block) > 1 for block in one) > 1]
        several = 2 * sum(map(_size, rows)) > _size(module)
    return [one for child in children for one in _opened(child)] if several else [module]


def _matrices(module: nn.Module) -> int:
    """How many modules in it hold matrices: a block has several, a convolution and its norm one, a norm none."""
    return sum(any(one.ndim >= 2 for one in part.parameters(recurse=False)) for part in module.modules())


def _size(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


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
