"""Every setting of a choice among configurations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from randquant.settings.choices import Device, Precision, check_least, check_shard


@dataclass(frozen=True, kw_only=True)
class ChooseSettings:
    """Try eight configurations of every method on the mini suite, on a validation part cut from the training data.

    No test part is looked at. Every configuration that was tried is a line of exploration.jsonl in the folder, from
    which randquant bench --explored takes the best of each method. What is finished there is not done again.
    """

    methods: str = "emix,rq"
    """The methods, with commas between them."""
    tasks: str = ""
    """The tasks, with commas between them; by default all of the mini suite."""
    further: tuple[str, ...] = ()
    """Configurations to look at instead of the eight, such as bins=8,quantized_views=one; the rate is 0.003 and values
    are changed where the eight change them, unless learning_rate and at are named, and what else is not named is the
    default of randquant pretrain. They are recorded, and never chosen."""
    out: Path = Path("runs/choose")
    """The folder for exploration.jsonl."""
    seed: int = 1000
    """The first development seed; those of the benchmark must be others."""
    seeds: int = 1
    """Everything is tried from so many seeds, each with a validation part of its own."""
    steps: int = 200
    """Optimizer steps of each training."""
    processes: int = 1
    """Trainings at a time; each has one thread of its own where there are several."""
    shard: str = "1/1"
    """2/5 does the second fifth of the trainings; machines that share the folder each do one."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    precision: Precision = "32"
    """Arithmetic of the training step: 32, or mixed with bf16 or, on a GPU, 16 bits."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        check_least("seed", self.seed, 0)
        for name in ("seeds", "steps", "processes"):
            check_least(name, getattr(self, name), 1)
        check_shard(self.shard)
