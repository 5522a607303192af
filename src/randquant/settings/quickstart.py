"""Every setting of the main job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from randquant.settings.choices import Device, check_least
from randquant.settings.pretrain import PretrainSettings


@dataclass(frozen=True, kw_only=True)
class QuickstartSettings:
    """Train by e-Mix, RQ and crop + RQ on real digits, probe the features, and write a report."""

    out: Path = Path("runs/quickstart")
    """The folder for results, runs and report. What is finished there is not done again."""
    seed: int = 0
    """The first seed."""
    seeds: int = 1
    """Everything is done from so many seeds; the spread over them goes into the table."""
    steps: int = PretrainSettings.steps
    """Optimizer steps of each training."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_least("seed", self.seed, 0)
        check_least("seeds", self.seeds, 1)
        check_least("steps", self.steps, 1)
