"""What every format gives: a way to write an encoder, one to load it again as a stranger would, and those lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from randquant.encoder import OwnEncoder

Features = Callable[[Sequence[Tensor]], Tensor]


class Format(Protocol):
    """A module or an object of this room, one a format."""

    @property
    def SUFFIX(self) -> str:  # noqa: N802 - a constant of each
        """How a file's name ends."""
        ...

    def write(self, encoder: OwnEncoder, path: Path) -> list[Path]:
        """Write the encoder; every file that was written."""
        ...

    def read(self, path: Path, encoder: OwnEncoder) -> Features:
        """What the file gives from inputs [B, ...]: features [B, D]; of the encoder no weights are taken."""
        ...

    def loading(self, encoder: OwnEncoder, path: Path) -> str:
        """Lines of Python that load it."""
        ...
