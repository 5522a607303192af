"""The surroundings in, the folder of data sets and of what is made of them out."""

from __future__ import annotations

import os
from pathlib import Path


def data_root() -> Path:
    """Where data sets lie and caches are kept: the folder that RANDQUANT_DATA names, or ~/.cache/randquant."""
    return Path(os.environ.get("RANDQUANT_DATA") or Path.home() / ".cache" / "randquant")
