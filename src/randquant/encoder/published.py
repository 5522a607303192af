"""A checkpoint, somebody else's or of a run of this project, in, a vision backbone with its weights out."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from randquant.encoder.vision import VisionBackbone
from randquant.errors import UserError

FRONTS = ("module.base_encoder.", "base_encoder.", "module.encoder_q.", "module.encoder.", "backbone.", "module.", "")
HEADS = ("fc.", "head.", "classifier.")  # projectors and classifiers, which a backbone has none of


def fill_published(path: Path, encoder: VisionBackbone) -> VisionBackbone:
    """Fill a backbone with the weights of a file, which stays as it was where they are not its own.

    Args:
        path: a file of torch.save: a dictionary of tensors, or one under `state_dict` or `model`; the names may have a
            front such as `module.base_encoder.`, MoCo v3's. Only tensors and plain values are read. Or a file of
            safetensors, or a run directory, whose encoder it is.
        encoder: of the same model.

    Raises:
        UserError: the file is missing, damaged, holds more than tensors, or the weights of another model.
    """
    weights = _tensors(path)
    wanted = encoder.module.state_dict()
    for front in FRONTS:
        found = {name.removeprefix(front): value for name, value in weights.items() if name.startswith(front)}
        found = {name: value for name, value in found.items() if not name.startswith(HEADS)}
        if wanted.keys() <= found.keys():
            break
    else:
        lacking = sorted(wanted.keys() - {name.rpartition("module.")[2] for name in weights})
        raise UserError(
            f"weights: {path} holds no {encoder.settings.backbone} under any of {', '.join(FRONTS[:-1])}: it has no "
            f"{(lacking or sorted(wanted))[0]}"
        )
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            raise UserError(
                f"weights: {path} has {name} of shape {tuple(found[name].shape)}, but {encoder.settings.backbone} has "
                f"{tuple(value.shape)}"
            )
    encoder.module.load_state_dict({name: found[name] for name in wanted})
    return encoder


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        path = path / "encoder.safetensors"
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load(path.read_bytes())
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"weights: {path} is not there; give the checkpoint's file") from None
    except (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError) as problem:
        told = str(problem).partition("\n")[0]
        raise UserError(f"weights: {path} cannot be read ({told}); it is damaged, or holds more than tensors") from None
    for name in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise UserError(f"weights: {path} holds no dictionary of tensors")
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}
