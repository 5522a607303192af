"""What was measured: seconds and bytes of every case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from batches import Batch

MEMORY_BINS = 8  # the R that memory is measured at


class Case(NamedTuple):
    """A cell of the table."""

    batch: Batch
    contestant: str
    bins: int  # 0 where R plays no part


@dataclass
class Results:
    """Seconds of a call, bytes beside input and `out=`, and ratios to clone() on fresh pages, one a process."""

    seconds: dict[Case, float] = field(default_factory=dict)
    extra: dict[Case, int] = field(default_factory=dict)
    to_clone: dict[str, list[float]] = field(default_factory=dict)  # of each kind of batch

    def find(self, kind: str, dtype: torch.dtype, contestant: str, bins: int = 0) -> Case:
        """The case of that name on the CPU; a KeyError where it was not timed."""
        for case in self.seconds:
            batch = case.batch
            if (batch.kind, batch.dtype, batch.device, *case[1:]) == (kind, dtype, "cpu", contestant, bins):
                return case
        raise KeyError((kind, dtype, contestant, bins))

    def time(self, kind: str, dtype: torch.dtype, contestant: str, bins: int = 0) -> float:
        return self.seconds[self.find(kind, dtype, contestant, bins)]
