"""Results and verdicts in, the page of benchmarks out, in Markdown."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from bars import Verdict
from clock import FEWEST
from results import Results
from table import bar_table, speed_table

_PAGE = """\
# Benchmarks

Made by `{command}`, which compares every answer with the reference
and with a dense implementation before it times anything.

{machine}

{table}

Milliseconds, and in brackets the multiple of `copy_` on the same batch. The calls of a batch run in turn, in one
process; a cell is the median of {rounds} runs, down to {fewest} where a call is slow. "any R": bins play no part.

{gpu}

- `OMP_WAIT_POLICY=PASSIVE` for all: torch's threads sleep when their work is done. By default they go on spinning for
  milliseconds, so a call that follows one of torch's has fewer processors than it was given.
- `out=` writes into memory that exists; fresh output is a new tensor at every call. The mapping alone has its random
  numbers drawn before; the draws alone map nothing.
- Plain torch is `backend="torch"`. The dense implementation is the published way, R boolean planes: (9R + 8) bytes an
  element beside its input, 5.6 GB for the first batch at R = 64. It is timed up to R = 16.
- torchvision's transforms draw once a batch, kornia's once a sample. Blur has a kernel of 23, posterize 8 levels.
- Extra memory in MB of 10^6 bytes, beside input and `out=`. Each case has a process of its own that has made the call
  once; then the high-water mark of resident memory (VmHWM, reset before a call) less what was resident before it, the
  largest of three. Freed blocks above 64 KB are returned at once there, so memory that is used again counts again.

{bars}"""

_BARS = """\
## Bars

"On fresh pages": the median of five processes with the default allocator, in which free memory goes back to the system
between calls, as it does between the steps of a training. In the table above, a clone of the embeddings may reuse the
pages of the one before.

For float32 images NCHW and R = 8 unless said.{judged}

{bars}
"""


def page(
    results: Results, verdicts: Sequence[Verdict], words: Sequence[str], *, threads: int, rounds: int, quick: bool
) -> str:
    """All that a run has to say; without verdicts nothing of bars. `words` are those of its command."""
    judged = " The batches of a quick run are too small to be judged by." if quick else ""
    bars = _BARS.format(judged=judged, bars=bar_table(verdicts, judged=not quick)) if verdicts else ""
    return _PAGE.format(
        command=" ".join(["python benchmarks/speed.py", *words]),
        machine=machine(threads),
        table=speed_table(results),
        rounds=rounds,
        fewest=FEWEST,
        gpu=gpu(),
        bars=bars,
    )


def machine(threads: int) -> str:
    """What the figures depend on, in one sentence."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", "torchvision", "kornia"))
    cores = f"{os.cpu_count()} cores, threads used: {threads}"
    return f"{processor()}, {cores}; Python {platform.python_version()}, {versions}."


def processor() -> str:
    known = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", known.read_text(encoding="utf-8")) if known.exists() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def gpu() -> str:
    if not torch.cuda.is_available():
        return "No CUDA device was here, so there are no rows of the triton backend."
    return f"On {torch.cuda.get_device_name()} the fused backend is triton, and times are the device's own."
