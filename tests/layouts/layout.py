"""What the contract suite knows about a tiny folder of one data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Layout:
    """A tiny data set on disk, and what must come out of it.

    Args:
        write: writes the folder of the original layout under a data root; may patch what a library knows by heart,
            such as the sums of the published files.
        targets: by part, the labels in the order of the ids, worked out by hand: a class number, a tuple of findings,
            or a number. None for a part without labels.
        faithful: the same where the benchmark's errors are kept in, if that differs.
        broken: a file under the data root; once it is cut in half, the error must name it.
        values: smallest and largest value that an input may hold, by input; None for anything finite.
    """

    write: Callable[[Path, pytest.MonkeyPatch], None]
    targets: Mapping[str, list[Any] | int]
    broken: str
    faithful: Mapping[str, list[Any] | int] | None = None
    values: tuple[tuple[float, float] | None, ...] = field(default=((0.0, 1.0),))
