"""Every setting of a doctor's visit."""

from __future__ import annotations

from dataclasses import dataclass, field

from tyro.conf import Positional

from randquant.settings.choices import check_bins, check_least
from randquant.settings.reading import ReadingSettings


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    """Say what is wrong with data for this method, what follows from it, and what to do.

    Exit code 0: nothing found; 1: something was found; 2: data or samples that cannot be read.
    """

    data: Positional[str]
    """A data set of the catalogue, such as digits, or a path, as pretrain takes it."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read."""
    bins: int = 8
    """Bins of randomized quantization."""
    batch: int = 0
    """Samples of a batch; 0 is the data set's own number."""
    samples: int = 2000
    """How many samples of a part are read from files; all are looked at where they are in memory."""
    quiet: bool = False
    """No progress and no closing words."""

    def __post_init__(self) -> None:
        check_bins(self.bins)
        check_least("samples", self.samples, 2)
        if self.batch != 0:
            check_least("batch", self.batch, 2)
