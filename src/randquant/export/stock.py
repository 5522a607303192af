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
from randquant.export.format import Features
from randquant.spec import Grid


@dataclass(frozen=True)
class Stock:
    """The format of a library's own models.

    Args:
        library: whose.
    """

    library: Literal["torchvision", "timm"]
    SUFFIX: str = ".safetensors"

    def write(self, encoder: OwnEncoder, path: Path) -> list[Path]:
        """Write one file, the names those of the library's model.

        Raises:
            UserError: the encoder is no model of this library.
        """
        self._origin(encoder)
        assert isinstance(encoder, VisionBackbone)
        weights = {name: value.detach().cpu().contiguous() for name, value in encoder.module.state_dict().items()}
        path.write_bytes(safetensors.torch.save(weights, {"format": "pt", "model": encoder.settings.backbone}))
        return [path]

    def read(self, path: Path, encoder: OwnEncoder) -> Features:
        """What the library's model gives with the weights of the file and nothing else of the encoder's."""
        assert isinstance(encoder, VisionBackbone)
        model = self._origin(encoder).make()
        for place, changed in _changes(model, encoder.module):
            blank = copy.deepcopy(changed)
            for one in blank.state_dict().values():
                one.fill_(torch.nan)
            model.set_submodule(place, blank)
        model.load_state_dict(safetensors.torch.load(path.read_bytes()))
        model.eval()

        def features(inputs: Sequence[Tensor]) -> Tensor:
            with torch.inference_mode():
                out: Tensor = model(normalised(inputs[0]))
            return out

        return features

    def loading(self, encoder: OwnEncoder, path: Path) -> str:
        """Lines that need no randquant."""
        assert isinstance(encoder, VisionBackbone)
        found = self._origin(encoder)
        options = ", ".join(f"{name}={value!r}" for name, value in found.options.items())
        call = "torchvision.models.get_model" if self.library == "torchvision" else "timm.create_model"
        lines = [f"import safetensors.torch, torch, {self.library}", f'model = {call}("{found.model}", {options})']
        for place, changed in _changes(found.make(), encoder.module):
            lines.append(f'model.set_submodule("{place}", torch.nn.{changed!r})')
        lines += [f'model.load_state_dict(safetensors.torch.load_file("{path.name}"))', "images = inputs[0]"]
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


def _column(values: tuple[float, ...]) -> str:
    """Numbers as a nested list of the shape [C, 1, 1]."""
    return f"[{', '.join(f'[[{value}]]' for value in values)}]"
