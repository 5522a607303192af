"""What is asked of the named experiments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from randquant.errors import UserError
from randquant.settings.choices import Device, Precision, RecipeAction, Scale, check_choices, check_least


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """List the named experiments, show what one is and what to expect, or run it."""

    action: Positional[RecipeAction]
    """list; show or run, before a name."""
    name: Positional[str] = ""
    """An experiment, such as ablation-bins."""
    out: Path | None = None
    """The folder for results, runs and page; by default one under runs/ that has the experiment's name."""
    tasks: str = ""
    """The data sets, with commas between them; by default the experiment's own."""
    seed: int = 0
    """The first seed."""
    seeds: int = 0
    """How many seeds; 0 is the experiment's number."""
    steps: int = 0
    """Optimizer steps of each training; 0 is the experiment's number."""
    processes: int = 1
    """Cells at a time; each has one thread of its own where there are several."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision | None = None
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16; by default the experiment's own."""
    data: str = ""
    """ImageNet and its kin: the folder of photographs, train/<class>/… and val/<class>/…."""
    weights: Path | None = None
    """verify-…: the published checkpoint's file."""
    scale: Scale = "full"
    """tiny: the same code with other sizes, of images, model, batch and training, for a small folder."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("seed", "seeds", "steps"):
            check_least(name, getattr(self, name), 0)
        check_least("processes", self.processes, 1)
        if self.action == "list" and self.name:
            raise UserError(f"name: got {self.name}, but list takes none; show tells about one experiment")
        if self.action != "list" and not self.name:
            raise UserError(f"name: got none, but {self.action} needs an experiment (randquant recipe list)")
