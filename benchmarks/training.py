"""Nothing in; out: what a training step costs beside what it could cost, in one table with its bars."""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import memory
import torch
import tyro
from overhead import loop_to_bare
from page import machine
from paired import ratio_of
from pipeline import ours_to_lightly
from rows import Row, check_folder, middle, published, say, table_of
from share import quantizing_to_step
from start import starts

from randquant import process

_SAVED = "--markdown docs/benchmarks-training.md"
_PAGE = """\
# Benchmarks of training

Made by `{command}`.

{machine}

{table}

A ratio is the median over rounds; in each the two calls run in turn, in one process. In brackets its 95 % interval, by
resampling the rounds.{judged}

- RQ's share: the two views' quantization of the embeddings with their draws and gradients, over the whole step of the
  full-size DABS encoder (12 layers, width 256; batch 16, 196 tokens; forward, backward, AdamW).
  {gpu}
- The loop: `randquant pretrain digits`, from its sixth step to its last, over fifteen lines of PyTorch that end with
  the same weights, bit for bit, which is checked first.
- From files: JPEG pictures of 256x256, decoded anew in every epoch by two workers, two views each by crop and RQ, a
  small transformer (width 96, 3 layers, 36 tokens), NT-Xent, AdamW, batch 128. lightly 1.6's data set, transforms,
  head and loss on the Lightning trainer over randquant's `pretrain`; the start of workers is in neither.
- The start: fresh processes, kernels cached on disk. From the end of imports to the end of a training of one step,
  whose state is saved.
- Page faults: the command line keeps freed memory for the next step (never an import does, and not where `MALLOC_*`,
  `GLIBC_TUNABLES` or `LD_PRELOAD` say that the user has chosen). The processes of the other rows run so too.
"""


@dataclass(frozen=True)
class Options:
    """Time training steps beside what they could cost."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """Few and small steps: shows that all works, judges nothing."""
    threads: int = 2
    """How many a process may use; one process works at a time."""


def main(options: Options) -> int:
    """The exit status: 0, or 1 where a bar is missed."""
    check_folder(options.markdown)
    torch.set_num_threads(options.threads)
    process.keep_memory()
    rows = list(measured(options))
    text = page(rows, options)
    return published(text, rows, options.markdown, judged=not options.quick)


def measured(options: Options) -> Iterator[Row]:
    """All rows, one after the other."""
    quick = options.quick
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        say(f"{device}: RQ's share of a step")
        share = quantizing_to_step(2 if quick else 9, device=device, quick=quick).ratio()
        kind = "float32" if device == "cpu" else f"bfloat16, {torch.cuda.get_device_name()}"
        yield Row(f"RQ's share of a step, {kind}", share.percent(), "at most 1 %", share.value <= 0.01)
    say("the loop beside a bare one")
    with contextlib.redirect_stderr(io.StringIO()):  # the progress is part of the work, and not of this page
        loop = loop_to_bare(2 if quick else 9, steps=8 if quick else 60).ratio()
    yield Row("the loop / a bare loop", str(loop), "at most 1.05", loop.value <= 1.05)
    say("from files, beside lightly's parts on the Lightning trainer")
    sizes = {"pictures": 256, "steps": 4} if quick else {"pictures": 1024, "steps": 26}
    files = ours_to_lightly(1 if quick else 7, **sizes).ratio()
    yield Row("from files: lightly's time / randquant's", str(files), "interval above 1.1", files.low > 1.1)
    say("starts")
    started = starts(1 if quick else 5, options.threads)
    yield Row("imports, seconds", middle([one.imports for one in started]))
    yield Row("from their end to the first step, seconds", middle([one.first_step for one in started]))
    for which, title in list(memory.STEPS.items())[1 if quick else 0 :]:
        say(f"page faults: {title}")
        yield from faults(which, title, options)


def faults(which: str, title: str, options: Options) -> Iterator[Row]:
    """What the default allocator costs a step, and what is left of it where memory is kept."""
    default, kept = memory.costs(which, 1 if options.quick else 3, options.threads, 1 if options.quick else 5)
    gain = ratio_of([one.seconds / other.seconds for one, other in zip(default, kept, strict=True)])
    yield Row(f"{title}: page faults, default → kept", f"{centre(default, 2):,.0f} → {centre(kept, 2):,.0f}")
    of_step = centre(default, 1) / centre(default, 0)
    yield Row(f"{title}: seconds in the kernel over the step's, default", f"{of_step:.1%}")
    yield Row(f"{title}: time, default / kept", str(gain))


def page(rows: list[Row], options: Options) -> str:
    """All that a run has to say."""
    return _PAGE.format(
        command=f"python benchmarks/training.py {'--quick' if options.quick else _SAVED}",
        machine=machine(options.threads),
        table=table_of(rows, judged=not options.quick),
        judged=" The steps of a quick run are too few to be judged by." if options.quick else "",
        gpu="" if torch.cuda.is_available() else "No CUDA device was here, so there is no row in bfloat16.",
    )


def centre(costs: list[memory.Cost], field: int) -> float:
    return statistics.median(cost[field] for cost in costs)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
