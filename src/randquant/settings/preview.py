"""Every setting of a preview."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from randquant.errors import UserError
from randquant.settings.choices import Edges, check_bins, check_choices, check_least
from randquant.settings.reading import ReadingSettings

_SUFFIXES = (".html", ".htm")
_LONGEST = 60.0  # seconds of a sound; a page holds them all


@dataclass(frozen=True, kw_only=True)
class PreviewSettings:
    """Draw a page: some samples before and after randomized quantization, and what several numbers of bins keep."""

    data: Positional[str]
    """A data set of the catalogue, such as digits, or a path, as pretrain takes it."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read; what is not given is as the run had it, if there is one."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """The page, such as page.html."""
    samples: int = 3
    """How many samples are drawn; of different classes where there are labels."""
    bins: tuple[int, ...] = (4, 8, 16, 32)
    """The numbers of bins, side by side."""
    edges: Edges = "random"
    """Where bins begin: at random in a channel's range, in equal steps, or at random among its values: quantile."""
    part: str = "train"
    """The part of the data set that samples are taken from."""
    run: Path | None = None
    """A run whose encoder embeds symbols; without one their embeddings are random."""
    rate: int = 0
    """Values per second of a sound; then it can be played."""
    seconds: float = 0.0
    """Of spectrograms of one channel, from 0 for 80 decibels below the loudest to 1: how long each lasts; then it can
    be played, as a sum of sines."""
    highest: int = 4000
    """The highest pitch of a spectrogram, in Hz; its rows go up to it in equal steps of the mel scale."""
    seed: int = 0
    """All random numbers follow from it."""
    overwrite: bool = False
    """Write over a page that is there."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.out.suffix.lower() not in _SUFFIXES:
            raise UserError(f"out: got {self.out}, must end in {' or '.join(_SUFFIXES)}")
        check_least("samples", self.samples, 1)
        check_least("seed", self.seed, 0)
        check_least("rate", self.rate, 0)
        check_least("highest", self.highest, 1)
        if not 0 <= self.seconds <= _LONGEST:
            raise UserError(f"seconds: got {self.seconds}, must be from 0 to {_LONGEST:g}")
        if not self.bins:
            raise UserError("bins: got (), must be a number of bins, or several")
        for bins in self.bins:
            check_bins(bins, 1)
