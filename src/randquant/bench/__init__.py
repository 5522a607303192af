"""A grid of (task, method, seed) in, result lines out; and the main job, which also draws and reports."""

from randquant.bench.grid import Plan, Task, run_grid
from randquant.bench.quickstart import quickstart
from randquant.bench.suite import bench
from randquant.bench.trials import choose

__all__ = ["bench", "choose", "quickstart", "Plan", "Task", "run_grid"]
