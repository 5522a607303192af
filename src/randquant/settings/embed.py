"""Every setting of an embedding."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from randquant.errors import UserError
from randquant.settings.choices import Device, Level, check_choices, check_least
from randquant.settings.reading import ReadingSettings

FORMATS = (".npy", ".parquet")


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """Encode samples by a run's encoder, and write what it says of them: one vector a sample, or one a token.

    Rows stand in the order of the data. A .npy holds float32 (samples, width), or (samples, tokens, width) with NaN for
    masked tokens; a .parquet has the columns id and embedding, and of tokens their number, masked ones left out.
    """

    run: Positional[Path]
    """A run directory."""
    data: Positional[str]
    """Samples like those the run was trained on: a path, read as the run's own was, or a data set of the catalogue."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read; what is not given is as the run had it."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """The file to write, .npy or .parquet."""
    level: Level = "sample"
    """sample: the feature that probes read; token: the encoder's output at every token."""
    batch: int = 256
    """Samples that are encoded together; it changes no embedding."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    overwrite: bool = False
    """Write over a file that is there."""
    quiet: bool = False
    """No word about what was written."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_least("batch", self.batch, 1)
        if self.out.suffix not in FORMATS:
            raise UserError(f"out: got {self.out}, must end in {' or '.join(FORMATS)}")
