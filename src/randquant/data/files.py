"""A folder and the names in it in; paths out, and what tells a file from one that took its place."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Files:
    """Paths inside one folder, kept as bytes: a million of them are 50 MB, and go to a worker process at once.

    Args:
        folder: that they all stand in.
        names: bytes [N], each path from there on.
    """

    folder: Path
    names: NDArray[np.bytes_]

    def __getitem__(self, position: int) -> Path:
        return self.folder / os.fsdecode(bytes(self.names[position]))

    def states(self) -> NDArray[np.int64]:
        """The state of each file, int64 [N, 2]."""
        folder = os.fsencode(self.folder)
        found = (state(os.path.join(folder, name)) for name in self.names.tolist())  # noqa: PTH118 - of bytes
        return np.fromiter(found, dtype=np.dtype((np.int64, 2)), count=len(self.names))


def state(path: Path | bytes) -> tuple[int, int]:
    """The size of a file in bytes and its time of change in nanoseconds; zeros for a folder.

    It is -1 and -1 where the file is not there, or may not be looked at; whoever reads it names it.
    """
    try:
        facts = os.stat(path)  # noqa: PTH116 - of bytes too
    except OSError:
        return -1, -1
    return (0, 0) if stat.S_ISDIR(facts.st_mode) else (facts.st_size, facts.st_mtime_ns)
