"""A vision backbone in, its weights in one safetensors file out, as torchvision's or timm's own model loads them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from torch import Tensor, nn

from randquant.encoder import OwnEncoder, VisionBackbone
from randquant.encoder.vision import MEAN, SPREAD, Origin, normalised, origin
from randquant.errors import UserError
from randquant.export.format import Features, tensors
from randquant.export.kept import keep_form
from randquant.export.measured import Measured, Scale
from randquant.spec import Grid


@dataclass(frozen=True)
class Stock:
    """The format of a library's own models.

    Args:
        library: whose.
    """

    library: Literal["torchvision", "timm"]
    SUFFIX: str = ".safetensors"

    def write(self, encoder: Measured, path: Path) -> list[Path]:
        """Write one file, the names those of the library's model, and the scale of own data in a JSON beside it.

        Raises:
            UserError: the encoder is no model of this library.
        """
        self._origin(encoder.encoder)
        backbone = encoder.encoder
        assert isinstance(backbone, VisionBackbone)
        weights = {name: value.detach().cpu().contiguous() for name, value in backbone.module.state_dict().items()}
        path.write_bytes(safetensors.torch.save(weights, {"format": "pt", "model": backbone.settings.backbone}))
        return [path, *keep_form(encoder, path)]

    def read(self, path: Path, encoder: Measured) -> Features:
        """What the library's model gives with the weights of the file, and of the encoder nothing but its scale."""
        backbone, scale = encoder.encoder, encoder.scales[0]
        assert isinstance(backbone, VisionBackbone)
        model = self._origin(backbone).make()
        for place, changed in _changes(model, backbone.module):
            blank = copy.deepcopy(changed)
            for one in blank.state_dict().values():
                one.fill_(torch.nan)
            model.set_submodule(place, blank)
        model.load_state_dict(safetensors.torch.load(path.read_bytes()))
        model.eval()

        def features(inputs: Sequence[Tensor]) -> Tensor:
            with torch.inference_mode():
                out: Tensor = model(normalised(scale(inputs[0])))
            return out

        return features

    def loading(self, encoder: Measured, path: Path) -> str:
        """Lines that need no randquant."""
        backbone, scale = encoder.encoder, encoder.scales[0]
        assert isinstance(backbone, VisionBackbone)
        found = self._origin(backbone)
        options = ", ".join(f"{name}={value!r}" for name, value in found.options.items())
        call = "torchvision.models.get_model" if self.library == "torchvision" else "timm.create_model"
        lines = [f"import safetensors.torch, torch, {self.library}", f'model = {call}("{found.model}", {options})']
        for place, changed in _changes(found.make(), backbone.module):
            lines.append(f'model.set_submodule("{place}", torch.nn.{changed!r})')
        lines += [
            f'model.load_state_dict(safetensors.torch.load_file("{path.name}"))',
            *tensors(encoder),
            "images = inputs[0]",
        ]
        if isinstance(scale, Scale):
            mean, spread = (
                f"torch.tensor({_column(one)}, dtype={scale.precision})" for one in (scale.form.mean, scale.form.spread)
            )
            lines.append(f"images = ((images - {mean}) / {spread}).float()")
        if encoder.spec.inputs[0].channels == len(MEAN):
            lines.append(f"images = (images - torch.tensor({_column(MEAN)})) / torch.tensor({_column(SPREAD)})")
        return "\n".join([*lines, "with torch.inference_mode():", "    features = model.eval()(images)  # [B, D]", ""])

    def _origin(self, encoder: OwnEncoder) -> Origin:
        if not isinstance(encoder, VisionBackbone):
            raise UserError(f"to: got {self.library}, but this encoder is randquant's own transformer; use safetensors")
        grid = encoder.spec.inputs[0]
        assert isinstance(grid, Grid)
        found = origin(encoder.settings, grid)
        if found.library != self.library:
            raise UserError(f"to: got {self.library}, but {encoder.settings.backbone} is a model of {found.library}")
        return found


def _changes(stock: nn.Module, ours: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers that the library's model has otherwise, such as its head, by their places: what stands there here."""
    theirs = dict(stock.named_modules())
    for place, one in ours.named_modules():
        if not list(one.children()) and repr(one) != repr(theirs[place]):
            yield place, one


def _column(values: Sequence[float]) -> str:
    """Numbers as a nested list of the shape [C, 1, 1]."""
    return f"[{', '.join(f'[[{value}]]' for value in values)}]"
