"""KILLS and RECIPES of the environment in, how much of the long tests is asked for out."""

from __future__ import annotations

import os
from collections.abc import Sequence

KILLS = int(os.environ.get("KILLS", "20"))


def some(names: Sequence[str]) -> Sequence[str]:
    """RECIPES of the names, at about equal distances; all of them, if it is not set."""
    count = int(os.environ.get("RECIPES", len(names)))
    return names[:: -(-len(names) // max(1, min(count, len(names))))]
