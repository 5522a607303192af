"""A folder and an encoder in, its two files out: weights in encoder.safetensors, in encoder.json what rebuilds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn

from randquant.encoder import DomainAgnosticTransformer, Encoder, ForeignEncoder, OwnEncoder, make_encoder
from randquant.errors import UserError
from randquant.run.files import read, replace, replace_json
from randquant.run.fit import misfit
from randquant.settings import EncoderSettings
from randquant.spec import Spec

_HEAD = "head.safetensors"


def save(folder: Path, encoder: Encoder, name: str = "encoder") -> None:
    """Write both files, under one name; of a vision model and a user's own module, the weights have that model's names.

    Raises:
        UserError: the folder cannot be written, or the module keeps more than tensors.
    """
    module = _holder(encoder)
    weights = {}
    for key, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise UserError(
                f"encoder: {type(module).__name__} has {key} of type {type(value).__name__} in its state_dict, which "
                "must hold tensors only"
            )
        weights[key] = value.detach().cpu().clone(memory_format=torch.contiguous_format)  # tied ones, each for itself
    recipe: dict[str, Any] = {"spec": encoder.spec.to_dict()}
    if isinstance(encoder, ForeignEncoder):
        recipe |= {"module": class_name(module), "width": encoder.width}
    else:
        recipe |= {"settings": encoder.settings.to_dict()}
    replace_json(folder / f"{name}.json", recipe)
    replace(folder / f"{name}.safetensors", lambda file: file.write(safetensors.torch.save(weights)))


def load(folder: Path, name: str = "encoder") -> OwnEncoder:
    """The transformer or vision model whose weights are there, on the CPU and in eval mode.

    Raises:
        UserError: a file is missing or damaged, or the weights are those of a user's own module.
    """
    encoder = _rebuild(folder, name)
    if isinstance(encoder, _Foreign):
        raise UserError(
            f"run: {folder} holds the weights of a module of your own, {encoder.name}; make one and give it: "
            "Run.encoder(module)"
        )
    module = _holder(encoder)
    module.load_state_dict(_weights(folder, module, name), assign=True)
    return encoder.eval()


def fill(folder: Path, module: nn.Module) -> ForeignEncoder:
    """A user's own module with the weights that are there, where it is, wrapped, and in eval mode.

    Raises:
        UserError: a file is missing or damaged, or the weights are not those of such a module, which then stays as it
            was.
    """
    foreign = _rebuild(folder)
    if not isinstance(foreign, _Foreign):
        raise UserError(f"run: {folder} holds an encoder of randquant's own; take it by Run.encoder()")
    module.load_state_dict(_weights(folder, module))
    return ForeignEncoder(module, foreign.spec, width=foreign.width).eval()


def class_name(module: nn.Module) -> str:
    """A module's class, as Python imports it."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def module_name(folder: Path) -> str | None:
    """The class of the user's own module whose weights are there; None where there is another encoder, or none yet.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / "encoder.json"
    if not path.exists():
        return None
    return read(path, lambda path: dict(json.loads(path.read_text())).get("module"))


def save_head(folder: Path, head: nn.Linear) -> None:
    """Write `weight` and `bias` of a linear head to head.safetensors.

    Raises:
        UserError: the folder cannot be written.
    """
    values = {name: value.detach().cpu() for name, value in head.state_dict().items()}
    replace(folder / _HEAD, lambda file: file.write(safetensors.torch.save(values)))


def load_head(folder: Path) -> nn.Linear:
    """The linear head that is there, on the CPU and in eval mode.

    Raises:
        UserError: there is none, or the file is damaged.
    """
    if not (folder / _HEAD).exists():
        raise UserError(f"run: {folder} holds no {_HEAD}; give a folder that randquant finetune --out has made")

    def parse(path: Path) -> nn.Linear:
        values = safetensors.torch.load(path.read_bytes())
        classes, width = values["weight"].shape
        head = nn.Linear(width, classes, device="meta")
        head.load_state_dict(values, assign=True)
        return head.eval()

    return read(folder / _HEAD, parse)


class _Foreign(NamedTuple):
    """What encoder.json holds of a user's own module."""

    name: str
    spec: Spec
    width: int


def _holder(encoder: Encoder) -> nn.Module:
    """The module whose weights are kept, under its own names."""
    return encoder if isinstance(encoder, DomainAgnosticTransformer) else encoder.module


def _rebuild(folder: Path, name: str = "encoder") -> OwnEncoder | _Foreign:
    """What the JSON stands for: an encoder without its weights yet, or what is known of a user's own module."""

    def parse(path: Path) -> tuple[Spec, EncoderSettings] | _Foreign:
        recipe = json.loads(path.read_text())
        spec = Spec.from_dict(recipe["spec"])
        if "module" in recipe:
            return _Foreign(recipe["module"], spec, int(recipe["width"]))
        return spec, EncoderSettings.from_dict(recipe["settings"])

    found = read(folder / f"{name}.json", parse)
    if isinstance(found, _Foreign):
        return found
    spec, settings = found
    if settings.backbone:  # built in full, for some models of timm hold tensors that are in no state
        return make_encoder(spec, settings, seed=0)
    with torch.device("meta"):  # the weights come from the other file: draw none
        return DomainAgnosticTransformer(spec, settings)


def _weights(folder: Path, module: nn.Module, name: str = "encoder") -> dict[str, Tensor]:
    """What the safetensors file holds, which has the names and shapes that the module needs."""
    path = folder / f"{name}.safetensors"
    weights = read(path, lambda path: safetensors.torch.load(path.read_bytes()))
    if told := misfit(weights, module.state_dict()):
        raise UserError(f"run: {path} does not fit {class_name(module)}: {told}")
    return weights
