"""An encoder in, its weights in one safetensors file and what rebuilds it in a small JSON beside it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from randquant.encoder import OwnEncoder
from randquant.errors import UserError
from randquant.export.format import Features
from randquant.run import weights

SUFFIX = ".safetensors"


def write(encoder: OwnEncoder, path: Path) -> list[Path]:
    """Write `path` and, under the same name, the JSON."""
    weights.save(path.parent, encoder, path.stem)
    return [path, path.with_suffix(".json")]


def load(path: Path | str) -> OwnEncoder:
    """The encoder of a file that `randquant export --to safetensors` wrote, on the CPU and in eval mode.

    Raises:
        UserError: one of the two files is missing or damaged.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise UserError(f"path: got {path}, must be the file that ends in {SUFFIX}")
    return weights.load(path.parent, path.stem)


def read(path: Path, encoder: OwnEncoder) -> Features:
    """What the files give."""
    loaded = load(path)

    def features(inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            out: Tensor = loaded(inputs)
        return out

    return features


def loading(encoder: OwnEncoder, path: Path) -> str:
    """Four lines; the JSON must stand beside the weights."""
    return (
        "import torch\n"
        "from randquant.export import load\n"
        f'encoder = load("{path.name}")  # {path.with_suffix(".json").name} stands beside it\n'
        "with torch.inference_mode():\n"
        "    features = encoder(inputs)  # a list of tensors as above; gives [B, D]\n"
    )
