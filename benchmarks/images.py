"""Nothing in; out: what MoCo v3's steps on photographs cost, beside lightly's parts, in one table with its bars."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from page import machine
from rows import Row, check_folder, published, say, table_of

from randquant import process

# Each of randquant's workers loads this file, but not what is imported where it is used: lightly and its trainer.

_SAVED = "--markdown docs/benchmarks-images.md"
_PAGE = """\
# Benchmarks on photographs

Made by `{command}`.

{machine}

{table}

A ratio is the median over rounds; in each the two calls run in turn, in one process. In brackets its 95 % interval, by
resampling the rounds.{judged}

- From files: JPEG pictures of 256x256, each decoded when it is used by two workers, MoCo v3 with a ResNet-18 on two
  crops of {side} pixels each, its momentum encoder, heads of 1024, LARS, batch {batch}. lightly 1.6's data set,
  transforms, heads and optimizer on the Lightning trainer, with MoCo v3's loss, which lightly does not have, over
  randquant's `pretrain`; the start of workers is in neither.
- RQ's share: quantizing both views of a batch in memory, with the draws, over a whole step around it: crop, RQ, both
  encoders, loss, backward, optimizer.
- Views: both views of a batch in memory. MoCo v3's own are crop, colour jitter, grayscale, blur, solarization and flip.
- Workers or device: reading batches from files and making their views, without a training. In the workers, lightly's
  transforms make them picture by picture; on the device, here the processor, what follows the crop is made batch by
  batch, which is randquant's default.
"""


@dataclass(frozen=True)
class Options:
    """Time the steps of a training on photographs."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """Few and small steps: shows that all works, judges nothing."""
    threads: int = 2
    """How many a process may use; one process works at a time, beside its two workers."""


def main(options: Options) -> int:
    """The exit status: 0, or 1 where a bar is missed."""
    check_folder(options.markdown)
    torch.set_num_threads(options.threads)
    process.keep_memory()
    rows = []
    for row in measured(options):
        say(f"{row.text}: {row.measured}")  # a run that is ended early has told what it had measured
        rows.append(row)
    text = page(rows, options)
    return published(text, rows, options.markdown, judged=not options.quick)


def measured(options: Options) -> Iterator[Row]:
    """All rows, one after the other."""
    from moco_pipeline import BATCH, SIDE, VIEWS, lightly_to_ours
    from views import full_to_crop, quantizing_to_step, workers_to_device

    quick = options.quick
    # so many pictures that no epoch ends, and steps enough for what workers have read ahead not to count
    sizes = {"pictures": 2 * BATCH, "steps": 3} if quick else {"pictures": 26 * BATCH, "steps": 24}
    for views in list(VIEWS)[: 1 if quick else 2]:
        say(f"from files, views of {views}: beside lightly's parts on the Lightning trainer")
        with contextlib.redirect_stderr(io.StringIO()):  # the trainer's words
            files = lightly_to_ours(1 if quick else 15, views=views, **sizes).ratio()
        yield Row(f"from files, {views}: lightly's time / randquant's", str(files), "interval above 1", files.low > 1)
    say("RQ's share of a step")
    share = quantizing_to_step(2 if quick else 15, batch=BATCH, side=32 if quick else SIDE).ratio()
    yield Row("RQ's share of a step, crop + RQ", share.percent(), "at most 2 %", share.value <= 0.02)
    for side in (32,) if quick else (SIDE, 224):
        say(f"views of {side} pixels")
        views_ratio = full_to_crop(2 if quick else 15, batch=BATCH, side=side).ratio()
        yield Row(f"views of {side} pixels: MoCo v3's own / crop + RQ", str(views_ratio))
    for views in VIEWS:
        say(f"workers or device: {views}")
        where = workers_to_device(1 if quick else 7, views=views, **sizes).ratio()
        yield Row(f"reading and views, {views}: in workers / on the device", str(where))


def page(rows: list[Row], options: Options) -> str:
    """All that a run has to say."""
    from moco_pipeline import BATCH, SIDE

    return _PAGE.format(
        command=f"python benchmarks/images.py {'--quick' if options.quick else _SAVED}",
        machine=machine(options.threads),
        table=table_of(rows, judged=not options.quick),
        judged=" The steps of a quick run are too few to be judged by." if options.quick else "",
        side=SIDE,
        batch=BATCH,
    )


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
