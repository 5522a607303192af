"""Text in, a whole file out."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write beside the target, flush to disk and rename over it: a reader finds the old file or the new one."""
    beside = path.with_name(f"{path.name}.part-{platform.node()}-{os.getpid()}")  # others may write at the same time
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
