"""Nothing in, what page faults cost a training step out: the default allocator and freed memory kept, in turn.

The setting cannot be taken back, so each measurement has a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

# The images of a step as `crop+rq` reads them, or the benchmark's encoder; nothing else of the process is measured.
_SCRIPT = """
import json, resource, sys, time
which, keep, threads, steps = sys.argv[1], sys.argv[2] == "kept", int(sys.argv[3]), int(sys.argv[4])
import torch
from randquant import process
from randquant.data import Batch
from randquant.encoder import make_encoder
from randquant.methods import make_method
from randquant.quantize.draw import Draws
from randquant.settings import BENCHMARK_ENCODER, EncoderSettings, MethodSettings
from randquant.spec import Grid, Spec
if keep:
    assert process.keep_memory()
torch.set_num_threads(threads)
spec = Spec((Grid(3, (224, 224), (16, 16)),))
sizes, name, at, count = {
    "full": (BENCHMARK_ENCODER, "rq", "embeddings", 16),
    "images": (EncoderSettings(), "crop+rq", "input", 64),
}[which]
encoder = make_encoder(spec, sizes, seed=0).train()
method = make_method(name, encoder, MethodSettings(at=at))
optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=1e-4)
ids = torch.arange(count)
batch = Batch(ids, (torch.rand(count, 3, 224, 224, generator=torch.Generator().manual_seed(0)),))
for step in range(steps + 2):
    if step == 2:
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    method(encoder, batch, Draws(0, step, ids), 0.0).value.backward()
    optimizer.step()
    optimizer.zero_grad()
seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
system, faults = after.ru_stime - before.ru_stime, after.ru_minflt - before.ru_minflt
print(json.dumps([seconds / steps, system / steps, faults / steps]))
"""
STEPS = {"full": "the DABS encoder's step, 16 pictures", "images": "the default encoder's step, crop+rq, 64 pictures"}


class Cost(NamedTuple):
    """Of one step, in a process of its own."""

    seconds: float
    system_seconds: float  # of all threads: what the kernel spends, page faults above all
    faults: float


def costs(which: str, processes: int, threads: int, steps: int) -> tuple[list[Cost], list[Cost]]:
    """Steps under the default allocator, and with freed memory kept: one of each in turn."""
    default, kept = [], []
    for _ in range(processes):
        for name, found in (("default", default), ("kept", kept)):
            command = [sys.executable, "-c", _SCRIPT, which, name, str(threads), str(steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(Cost(*json.loads(done.stdout)))
    return default, kept
