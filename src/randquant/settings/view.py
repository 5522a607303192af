"""Every setting of a run's page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from randquant.settings.choices import Device, check_choices, check_least
from randquant.settings.reading import ReadingSettings


@dataclass(frozen=True, kw_only=True)
class ViewSettings:
    """Draw the page of a run: its curves, a map of its features, neighbours, few labels, settings, model card."""

    run: Positional[Path]
    """A run directory."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The page; by default view.html in the run directory."""
    data: str = ""
    """Whose samples are mapped; by default the data set that the run was trained on."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read; what is not given is as the run had it."""
    part: str = ""
    """Which part of it; by default test where there is one, or else train."""
    samples: int = 1000
    """How many samples are mapped, at most."""
    queries: int = 4
    """Samples whose nearest neighbours are shown."""
    neighbours: int = 5
    """Neighbours of each."""
    results: Path | None = None
    """A results.jsonl for the few-label curves; by default that of the run, or of the folder that its grid wrote."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    overwrite: bool = False
    """Write over a page that is there."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_least("samples", self.samples, 2)
        check_least("queries", self.queries, 0)
        check_least("neighbours", self.neighbours, 1)
