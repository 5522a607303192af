"""An encoder in, its weights in one safetensors file and what rebuilds it in a small JSON beside it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from randquant.encoder import OwnEncoder
from randquant.errors import UserError
from randquant.export.format import Features, tensors
from randquant.export.kept import keep_form, kept_form
from randquant.export.measured import Measured
from randquant.run import weights

SUFFIX = ".safetensors"


def write(encoder: Measured, path: Path) -> list[Path]:
    """Write `path` and, under the same name, the JSON."""
    weights.save(path.parent, encoder.encoder, path.stem)
    keep_form(encoder, path)
    return [path, path.with_suffix(".json")]


def load(path: Path | str) -> OwnEncoder | Measured:
    """The encoder of a file that `randquant export --to safetensors` wrote, on the CPU and in eval mode.

    Of a run on data of your own it takes grids [B, C, *size] as they were measured, and has their `form`.

    Raises:
        UserError: one of the two files is missing or damaged.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise UserError(f"path: got {path}, must be the file that ends in {SUFFIX}")
    encoder = weights.load(path.parent, path.stem)
    form = kept_form(path)
    return encoder if form is None else Measured(encoder, form)


def read(path: Path, encoder: Measured) -> Features:
    """What the files give."""
    loaded = load(path)

    def features(inputs: Sequence[Tensor]) -> Tensor:
        with torch.inference_mode():
            out: Tensor = loaded(inputs)
        return out

    return features


def loading(encoder: Measured, path: Path) -> str:
    """A few lines; the JSON must stand beside the weights."""
    lines = [
        "import torch",
        "from randquant.export import load",
        f'encoder = load("{path.name}")  # {path.with_suffix(".json").name} stands beside it',
        *tensors(encoder),
        "with torch.inference_mode():",
        "    features = encoder(inputs)  # a list of tensors as above; gives [B, D]",
    ]
    return "\n".join([*lines, ""])
