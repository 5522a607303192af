"""Settings and data in, what a training moves out: the encoder, and the method that teaches it."""

from __future__ import annotations

import torch
from torch import nn

from randquant.data import Dataset
from randquant.data.reading import taken
from randquant.encoder import DomainAgnosticTransformer, Encoder, ForeignEncoder, start_encoder
from randquant.errors import UserError
from randquant.methods import UNTRAINED, make_method
from randquant.quantize.draw import torch_seed
from randquant.settings import PretrainSettings


def own_or_new_encoder(settings: PretrainSettings, dataset: Dataset, module: nn.Module | None) -> Encoder:
    """The user's own module, or one of the settings with its first weights."""
    if module is None:
        return start_encoder(dataset.spec, settings.encoder, settings.seed, settings.start)
    few = taken(dataset.parts["train"], torch.arange(2))
    return ForeignEncoder(module, dataset.spec, few.inputs)


def new_method(settings: PretrainSettings, encoder: Encoder) -> nn.Module:
    """The method, its heads drawn by the seed; an empty module where nothing is trained.

    Raises:
        UserError: the method is unknown, has no use for such samples or such an encoder, or no parameter of the encoder
            is trained.
    """
    if settings.method == UNTRAINED:
        return nn.Identity()
    if not any(one.requires_grad for one in encoder.parameters()):
        raise UserError("encoder: none of its parameters requires a gradient, so there is nothing to train")
    torch.manual_seed(torch_seed(settings.seed, "method"))
    return make_method(settings.method, encoder, settings.method_details)


def unused(encoder: Encoder) -> list[str]:
    """The parameters of a user's own module that are trained and got no gradient."""
    if not isinstance(encoder, ForeignEncoder):
        return []
    return [name for name, one in encoder.module.named_parameters() if one.requires_grad and one.grad is None]


def compile_blocks(encoder: Encoder) -> None:
    """Compile what takes the time: the transformer's blocks, which every entry goes through, or the whole module."""
    for module in encoder.blocks if isinstance(encoder, DomainAgnosticTransformer) else [encoder]:
        module.compile()
