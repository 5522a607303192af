"""A path in; out: seconds to the first step, and memory that reading takes, in a process each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# What `randquant pretrain PATH` does, up to the end of its first step.
_START = """
import json, sys, time
began = time.perf_counter()
import torch
torch.set_num_threads(int(sys.argv[3]))
from randquant.pretrain import pretrain
from randquant.pretrain import loop
from randquant.quantize.cpu import backend as cpu_backend
imported = time.perf_counter()
steps = []
set_rate = loop.set_rate
def noted(*words):  # is called at the beginning of each step
    steps.append(time.perf_counter())
    return set_rate(*words)
loop.set_rate = noted
pretrain(sys.argv[1], out=sys.argv[2], steps=2, device="cpu", quiet=True)
print(json.dumps([imported - began, steps[1] - imported, time.perf_counter() - steps[1]]))
"""

# Opening a path and taking batches of it in training order; memory of the process's own, sampled all the time.
_MEMORY = """
import json, re, sys, threading, time
import torch
torch.set_num_threads(int(sys.argv[2]))
from randquant.data import open_data
from randquant.pretrain.feed import feed
def held():
    with open("/proc/self/status") as file:
        return int(re.search(r"RssAnon:\\s+(\\d+) kB", file.read())[1]) * 1024
peak, ended = [0], threading.Event()
def watch():
    while not ended.wait(0.002):
        peak.append(max(peak.pop(), held()))
before = held()
threading.Thread(target=watch, daemon=True).start()
batches = feed(open_data(sys.argv[1]).parts["train"], torch.device("cpu"), seed=0, batch=int(sys.argv[3]))
for _ in range(int(sys.argv[4])):
    batch, _ = next(batches)
ended.set()
size = sum(one.numel() * one.element_size() for one in batch.inputs)
print(json.dumps([max(peak[0], held()) - before, size]))
"""


class OwnStart(NamedTuple):
    """Seconds of a fresh process."""

    imports: float
    first_step: float  # from the end of imports to the end of the first step
    rest: float  # from there to the end of a training of two steps: its state, and digests of all samples


class Memory(NamedTuple):
    """Bytes of a fresh process."""

    peak: int  # beyond what was held before the path was opened
    batch: int

    @property
    def beyond(self) -> int:
        """Beyond the batch."""
        return self.peak - self.batch


def own_starts(path: Path, processes: int, threads: int) -> list[OwnStart]:
    """Several fresh processes, after one that fills the caches of kernels and files."""
    return [_start(path, threads) for _ in range(processes + 1)][1:]


def _start(path: Path, threads: int) -> OwnStart:
    with tempfile.TemporaryDirectory() as folder:
        return OwnStart(*_told(_START, path, Path(folder) / "run", threads))


def memory_of(path: Path, batch: int, batches: int, threads: int, data_root: Path) -> Memory:
    """What opening a path and reading some batches takes; what is made of it is kept in `data_root`."""
    surroundings = {**os.environ, "RANDQUANT_DATA": str(data_root)}
    return Memory(*map(int, _told(_MEMORY, path, threads, batch, batches, surroundings=surroundings)))


def help_seconds(words: list[str], times: int) -> list[float]:
    """Seconds of whole processes that print a help, after one that warms the caches of files."""
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "randquant", *words, "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    return taken[1:]


def _told(script: str, *words: object, surroundings: Mapping[str, str] | None = None) -> list[float]:
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found
