"""Every setting of a probe."""

from __future__ import annotations

from dataclasses import dataclass, field

from tyro.conf import Positional

from randquant.errors import UserError
from randquant.settings.choices import Device, Protocol, check_least
from randquant.settings.reading import ReadingSettings


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Probe frozen features, beside the samples themselves and a random encoder: what plain heads read from them."""

    run: Positional[str]
    """A run directory; random or raw for the two plain rows alone."""
    task: Positional[tuple[str, ...]]
    """Data sets with labels, such as digits, or paths, whose labels are in the column that --label names."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    """How a path is read; what is not given is as the run had it."""
    seed: int = 0
    """Names the validation part, the draws of the few labels, and the weights of a random encoder."""
    draws: int = 5
    """How many times the few labels are drawn."""
    protocol: Protocol = "default"
    """dabs: the DABS benchmark's own linear head, with all labels."""
    dabs_faithful: bool = False
    """Keep the errors of the DABS benchmark's own code in a data set and, with --protocol dabs, in its head, where
    published figures depend on them; the head then takes about forty times as long."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    quiet: bool = False
    """No table."""

    def __post_init__(self) -> None:
        check_least("seed", self.seed, 0)
        check_least("draws", self.draws, 1)
        if not self.task:
            raise UserError("task: got none, needs a data set with labels, such as digits")
