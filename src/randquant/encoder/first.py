"""A vision backbone and a word in, the backbone with its first weights out: a library's published ones, or a file's.

Other numbers of channels than a library's weights have are made of theirs as timm makes them: one is the sum over
colours, others repeat the colours, scaled so that the sum stays.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from randquant.encoder.published import fill_published
from randquant.encoder.vision import Origin, VisionBackbone, origin
from randquant.errors import UserError
from randquant.libraries import library
from randquant.spec import Grid

HUB = "hub"


def fill_first(start: str, encoder: VisionBackbone) -> VisionBackbone:
    """Fill a backbone before its training; its head, if the weights have one, is left out.

    Args:
        start: hub, for what torchvision or timm publish of this model, fetched when it is first asked for and then kept
            where they keep it; or a path, as in `fill_published`.
        encoder: with the published first layer.

    Raises:
        UserError: there are no such weights, they cannot be fetched or read, or they are another model's.
    """
    if start != HUB:
        return fill_published(Path(start), encoder)
    name, grid = encoder.settings.backbone, encoder.spec.inputs[0]
    assert isinstance(grid, Grid)
    if encoder.settings.stem != "published":
        raise UserError(f"start: got {HUB}, but published weights have no stem {encoder.settings.stem}; leave one out")
    found = origin(encoder.settings, grid)
    wanted = encoder.module.state_dict()
    try:
        weights = _fetched(found)
    except (UserError, MemoryError):
        raise
    except Exception as problem:  # hubs and their clients have errors of their own
        told = " ".join(str(problem).split()) or type(problem).__name__
        raise UserError(f"start: {found.library} has no weights of {name} to give: {told}") from problem
    if found.library == "torchvision":  # timm's are made for these channels already
        _widen(weights, encoder.module, grid.channels)
    differing = [key for key, value in wanted.items() if key not in weights or weights[key].shape != value.shape]
    if differing:
        size = "x".join(map(str, grid.size))
        raise UserError(f"start: the weights of {name} do not fit images of {size}: {differing[0]} is of another shape")
    encoder.module.load_state_dict({key: weights[key] for key in wanted})
    return encoder


def _fetched(found: Origin) -> dict[str, Tensor]:
    """The published weights under the model's own names."""
    if found.library == "torchvision":
        models: Any = library("torchvision.models", "vision", "backbone")
        weights: dict[str, Tensor] = models.get_model_weights(found.model).DEFAULT.get_state_dict(
            progress=False, check_hash=True
        )
        return dict(weights)
    timm: Any = library("timm", "vision", "backbone")
    told = logging.getLogger("huggingface_hub")
    level = told.level
    told.setLevel(logging.ERROR)  # each of a dozen attempts is a line otherwise
    try:
        filled: nn.Module = timm.create_model(found.model, **{**found.options, "pretrained": True})
    finally:
        told.setLevel(level)
    return filled.state_dict()


def _widen(weights: dict[str, Tensor], module: nn.Module, channels: int) -> None:
    """Give the weights of the first convolution so many channels."""
    place = next(place for place, one in module.named_modules() if isinstance(one, nn.Conv2d))
    timm: Any = library("timm.models", "vision", "backbone")
    weights[f"{place}.weight"] = timm.adapt_input_conv(channels, weights[f"{place}.weight"])
