"""What every format gives: a way to write an encoder, one to load it again as a stranger would, and those lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from randquant.encoder import OwnEncoder

Features = Callable[[Sequence[Tensor]], Tensor]


class Format(Protocol):
    """A module of this room, one a format."""

    SUFFIX: str

    def write(self, encoder: OwnEncoder, path: Path) -> list[Path]:
        """Write the encoder; every file that was written."""
        ...

    def read(self, path: Path) -> Features:
        """What the file gives from inputs [B, ...]: features [B, D]."""
        ...

    def loading(self, encoder: OwnEncoder, path: Path) -> str:
        """Lines of Python that load it."""
        ...
