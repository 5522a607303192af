"""What every format gives: a way to write an encoder, one to load it again as a stranger would, and those lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from randquant.export.measured import Measured

Features = Callable[[Sequence[Tensor]], Tensor]


class Format(Protocol):
    """A module or an object of this room, one a format."""

    @property
    def SUFFIX(self) -> str:  # noqa: N802 - a constant of each
        """How a file's name ends."""
        ...

    def write(self, encoder: Measured, path: Path) -> list[Path]:
        """Write the encoder with its scale, as far as the format holds one; every file that was written."""
        ...

    def read(self, path: Path, encoder: Measured) -> Features:
        """What the file gives from inputs [B, ...]: features [B, D]; of the encoder no weights are taken."""
        ...

    def loading(self, encoder: Measured, path: Path) -> str:
        """Lines of Python that load it and give the features of `input0`, … or of `inputs`."""
        ...


def tensors(encoder: Measured) -> list[str]:
    """The line that makes torch's `inputs` of numpy's `input0`, …; none for the catalogue's."""
    if encoder.form is None:
        return []
    names = ", ".join(f"torch.from_numpy(input{place})" for place in range(len(encoder.spec.inputs)))
    return [f"inputs = [{names}]"]
