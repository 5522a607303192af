"""An error in, what a line says of the cell that failed by it out."""

from __future__ import annotations

import traceback
from typing import Any


def broken(error: Exception) -> dict[str, Any]:
    """What a line says of a cell that failed: what broke, in one line, and where, in full."""
    return {
        "status": f"failed: {type(error).__name__}: {' '.join(str(error).split())}",
        "traceback": "".join(traceback.format_exception(error)),
    }
