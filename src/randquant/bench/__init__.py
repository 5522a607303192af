"""A grid of (task, method, seed) in, result lines out; and the main job, which also draws and reports."""

from randquant.bench.grid import Plan, run_grid
from randquant.bench.quickstart import quickstart

__all__ = ["quickstart", "Plan", "run_grid"]
