"""The name of a vision model in, an encoder out: images [B, C, H, W] to the features before the model's head, [B, D].

torchvision's classification models and all of timm's, built with random weights for any number of channels.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from randquant.encoder.mocov3_vit import HEADS, start_as_mocov3
from randquant.errors import UserError
from randquant.libraries import library
from randquant.settings import EncoderSettings
from randquant.spec import Grid, Spec

MEAN = (0.485, 0.456, 0.406)  # ImageNet's, of red, green and blue from 0 to 1
SPREAD = (0.229, 0.224, 0.225)
_TRANSFORMER = "timm/vit_small_patch16_224"


class VisionBackbone(nn.Module):
    """A vision model without its head.

    Inputs are images as data sets give them. Three channels are colours from 0 to 1 and normalised by ImageNet's mean
    and spread first; other numbers of channels are taken as they are.

    Args:
        spec: what a sample is, one grid of two dimensions.
        settings: `backbone` names the model: torchvision's where it has one of that name, or else timm's;
            `timm/resnet50` and `torchvision/resnet50` say which.

    Attributes:
        module: the model itself, its parameters under their own names.
        width: numbers in a feature (D).

    Raises:
        UserError: there is no such model, it takes no such images, or the extra `vision` is not installed.
    """

    def __init__(self, spec: Spec, settings: EncoderSettings) -> None:
        super().__init__()
        grid = spec.inputs[0]
        if len(spec.inputs) != 1 or not isinstance(grid, Grid) or len(grid.size) != 2:
            raise UserError(f"backbone: {settings.backbone} takes one image a sample, a grid of two dimensions")
        self.spec, self.settings = spec, settings
        self.module = _model(settings, grid)
        _start_residuals(self.module, settings)
        self.width = _width(self.module, settings.backbone, grid)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Inputs, one of [B, C, H, W], to features [B, D]."""
        (images,) = inputs
        features: Tensor = self.module(normalised(images))
        return features


def normalised(images: Tensor) -> Tensor:
    """Colours [B, 3, H, W] from 0 to 1 by ImageNet's mean and spread; other numbers of channels as they are."""
    if images.shape[1] != len(MEAN):
        return images
    mean, spread = (images.new_tensor(one).reshape(1, -1, 1, 1) for one in (MEAN, SPREAD))
    return (images - mean) / spread


class Origin(NamedTuple):
    """Which model of which library it is, and what it is made with there.

    Attributes:
        library: torchvision or timm.
        model: its name there.
        options: of torchvision's `get_model` or timm's `create_model`, beside the name.
    """

    library: Literal["torchvision", "timm"]
    model: str
    options: dict[str, Any]

    def make(self) -> nn.Module:
        """The library's own model: random weights, torchvision's with its head."""
        if self.library == "torchvision":
            whole: nn.Module = library("torchvision.models", "vision", "backbone").get_model(self.model, **self.options)
            return whole
        made: nn.Module = library("timm", "vision", "backbone").create_model(self.model, **self.options)
        return made


def origin(settings: EncoderSettings, grid: Grid) -> Origin:
    """Where a backbone comes from: torchvision where it has one of that name, unless timm is named, or else timm.

    Raises:
        UserError: there is no such model, or the extra `vision` is not installed.
    """
    name, stem = settings.backbone, settings.stem
    where, _, plain = name.rpartition("/")
    models: Any = library("torchvision.models", "vision", "backbone")
    known = models.list_models(module=models)
    if where in ("", "torchvision") and plain in known and stem != "mocov3":
        return Origin(
            "torchvision",
            plain,
            {"weights": None, **({"image_size": grid.size[0]} if plain.startswith("vit_") else {})},
        )
    timm: Any = library("timm", "vision", "backbone")
    if where not in ("", "timm") or plain not in timm.list_models():
        near = difflib.get_close_matches(plain, {*known, *timm.list_models()}, n=3)
        told = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"backbone: got {name!r}, must be a model of torchvision or timm, such as resnet50{told}")
    fixed = timm.models.get_pretrained_cfg(plain, allow_unregistered=True)
    options: dict[str, Any] = {"pretrained": False, "num_classes": 0, "in_chans": grid.channels}
    options |= {"img_size": grid.size} if fixed is not None and fixed.fixed_input_size else {}
    options |= HEADS.get(plain.partition("_patch")[0], {}) if stem == "mocov3" else {}
    return Origin("timm", plain, options)


def _model(settings: EncoderSettings, grid: Grid) -> nn.Module:
    """The model with an identity for its head and a first layer for the grid's channels."""
    name = settings.backbone
    found = origin(settings, grid)
    with _taking(name, grid):
        model = found.make()
    if found.library == "torchvision":
        _drop_head(model, name)
        _widen_stem(model, grid.channels)
    if settings.stem == "small":
        _shrink_stem(model, name)
    if settings.stem == "mocov3":
        if type(model).__name__ != "VisionTransformer" or getattr(model, "cls_token", None) is None:
            raise UserError(f"stem: got mocov3 for {name}, but it is for vision transformers such as {_TRANSFORMER}")
        start_as_mocov3(model)
    return model


@contextmanager
def _taking(name: str, grid: Grid) -> Iterator[None]:
    """Turn a model's refusal of a size into one line."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError) as problem:
        told = " ".join(str(problem).split())
        raise UserError(f"backbone: {name} takes no images of {'x'.join(map(str, grid.shape))}: {told}") from problem


def _drop_head(model: nn.Module, name: str) -> None:
    """Put an identity in the place of the last linear layer."""
    linear = [place for place, one in model.named_modules() if isinstance(one, nn.Linear)]
    if not linear:
        raise UserError(f"backbone: {name} ends in no linear layer, so it has no features before one; take another")
    model.set_submodule(linear[-1], nn.Identity())


def _widen_stem(model: nn.Module, channels: int) -> None:
    """Give the first convolution so many channels; a new one starts as torchvision's ResNets do."""
    place, first = next((place, one) for place, one in model.named_modules() if isinstance(one, nn.Conv2d))
    if first.in_channels != channels:
        _replace(model, place, first, in_channels=channels)


def _shrink_stem(model: nn.Module, name: str) -> None:
    """For small images: a first convolution of 3x3 that keeps the size, and no pooling after it."""
    stem = getattr(model, "conv1", None)  # a convolution, or several of 3x3 in the place of one
    found = [] if stem is None else [(place, one) for place, one in stem.named_modules() if isinstance(one, nn.Conv2d)]
    if not found or not isinstance(getattr(model, "maxpool", None), nn.Module):
        raise UserError(f"stem: got small for {name}, but only ResNets have such a first layer; leave it out")
    place, first = found[0]
    _replace(model, f"conv1.{place}" if place else "conv1", first, kernel_size=3, stride=1, padding=1)
    model.maxpool = nn.Identity()


def _replace(model: nn.Module, place: str, conv: nn.Conv2d, **changes: Any) -> None:
    options = {"in_channels": conv.in_channels, "out_channels": conv.out_channels, "kernel_size": conv.kernel_size}
    options |= {"stride": conv.stride, "padding": conv.padding, "bias": conv.bias is not None}
    made = nn.Conv2d(**{**options, **changes})
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    model.set_submodule(place, made)


def _start_residuals(model: nn.Module, settings: EncoderSettings) -> None:
    """Let the last batch normalisation of every residual block start at 0 or at 1."""
    last = [
        getattr(one, "bn3", None) or getattr(one, "bn2", None)
        for one in model.modules()
        if type(one).__name__ in ("BasicBlock", "Bottleneck")
    ]
    if settings.zero_init_residual and not last:
        raise UserError(f"zero_init_residual: {settings.backbone} has no residual blocks of a ResNet; leave it out")
    for norm in last:
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.constant_(norm.weight, 0.0 if settings.zero_init_residual else 1.0)


def _width(model: nn.Module, name: str, grid: Grid) -> int:
    """The width of the features, from a forward pass that computes shapes alone."""
    shapes = copy.deepcopy(model).to("meta").eval()
    with _taking(name, grid), torch.no_grad():
        features = shapes(torch.empty(2, *grid.shape, device="meta"))
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise UserError(f"backbone: {name} gives no features (B, D) for images of {grid.shape}; take another")
    return features.shape[1]
