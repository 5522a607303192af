"""Every setting of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from randquant.settings.choices import ExportFormat, check_choices


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Write a run's encoder to a file for use elsewhere; it is loaded again and compared before this says done."""

    run: Positional[Path]
    """A run directory."""
    to: ExportFormat
    """safetensors: the weights, and beside them in JSON what rebuilds the encoder; onnx: a graph for any runtime.
    torchvision and timm, of a vision backbone: the weights alone, under the names of that library's own model."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """The file; a model card is written beside it, under its name and .md."""
    overwrite: bool = False
    """Write over files that are there."""

    def __post_init__(self) -> None:
        check_choices(self)
