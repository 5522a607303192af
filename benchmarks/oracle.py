"""The dense oracle of the parity tests, for the benchmarks: what is checked there is checked and timed here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from dense_oracle import dense_quantize, draw, quantize_rows

__all__ = ["dense_quantize", "draw", "quantize_rows"]
