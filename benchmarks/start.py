"""Nothing in, seconds of imports and from their end to the first step out, each in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

# What `randquant pretrain digits` does, timed in two parts. One step, so watching and saving its end are in the time.
_SCRIPT = """
import json, sys, time
began = time.perf_counter()
import sklearn.datasets
import torch
torch.set_num_threads(int(sys.argv[2]))
from randquant.pretrain import pretrain
from randquant.quantize.cpu import backend as cpu_backend
imported = time.perf_counter()
pretrain("digits", out=sys.argv[1], steps=1, device="cpu", quiet=True)
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


class Start(NamedTuple):
    """Seconds of a fresh process."""

    imports: float
    first_step: float  # from the end of imports to the end of a training of one step, its state saved


def starts(processes: int, threads: int) -> list[Start]:
    """Several fresh processes, after one that fills the caches of kernels on disk."""
    return [_start(threads) for _ in range(processes + 1)][1:]


def _start(threads: int) -> Start:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _SCRIPT, str(Path(folder) / "run"), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Start(*json.loads(done.stdout.splitlines()[-1]))
