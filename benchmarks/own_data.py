"""Nothing in; out: what reading, starting, embedding and help cost with own data, in one table with its bars."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import torch
import tyro
from embedding import embed_to_bare
from own_start import help_seconds, memory_of, own_starts
from page import machine
from paired import ratio_of
from pyarrow import csv
from rows import Row, check_folder, middle, published, say, table_of

from randquant import process

_SAVED = "--markdown docs/benchmarks-own-data.md"
_SHAPE = (4, 4096)  # of a sample, float32
_PAGE = """\
# Benchmarks of own data

Made by `{command}`.

{machine}

{table}

- Reading: a fresh process opens an .npy of {size} and takes {batches} batches of 32 samples in training order. Memory
  of the process's own (RssAnon, sampled every two milliseconds) beyond what it held before, less one batch. The mapped
  file's pages are the system's, which takes them back when it needs them.
- The same of a .csv of {csv}: it is written as columns once, which are mapped; here that is part of the work.
- The start: fresh processes with the same .npy, kernels and file cached. From the end of imports to the end of the
  first step: opening, scale and patch, the first batch, the encoder, its step. The rest of a training of two steps is
  a second step, its state and a digest of every sample.
- Embedding: the whole of `randquant embed` on {embedded:,} series of 6 channels and 200 steps, from the path to the
  file, over a bare loop of the same encoder over the same samples, scaled and in memory before. A ratio of throughputs,
  the median over rounds in which the two run in turn; in brackets its 95 % interval, by resampling the rounds. Their
  features are compared first.
- Help: whole processes. Median, smallest and largest.{judged}
"""


@dataclass(frozen=True)
class Options:
    """Measure what data of one's own cost."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """A small file and few rounds: shows that all works, judges nothing."""
    threads: int = 2
    """How many a process may use; one process works at a time."""
    folder: Path | None = None
    """Where the large files are made, and removed; by default the system's folder for temporary files."""


@dataclass(frozen=True)
class Sizes:
    """How much is done."""

    samples: int
    rows: int
    batches: int
    embedded: int
    rounds: int


FULL = Sizes(samples=32_768, rows=2_800_000, batches=50, embedded=8192, rounds=7)
QUICK = Sizes(samples=64, rows=200, batches=2, embedded=64, rounds=1)


def main(options: Options) -> int:
    """The exit status: 0, or 1 where a bar is missed."""
    check_folder(options.markdown)
    torch.set_num_threads(options.threads)
    process.keep_memory()
    sizes = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        array, table = large_array(Path(folder), sizes), large_table(Path(folder), sizes)
        rows = list(measured(array, table, sizes, options))
        text = page(rows, sizes, options, [f"{one.stat().st_size / 1e6:,.1f} MB" for one in (array, table)])
    return published(text, rows, options.markdown, judged=not options.quick)


def measured(array: Path, table: Path, sizes: Sizes, options: Options) -> Iterator[Row]:
    """All rows, one after the other."""
    say("reading")
    for path in (array, table):
        found = memory_of(path, min(32, sizes.samples // 2), sizes.batches, options.threads, data_root=path.parent)
        told = f"{found.beyond / 1e6:,.0f} MB"
        yield Row(f"reading the {path.suffix}: memory beyond a batch", told, "under 300 MB", found.beyond < 300e6)
    say("starts")
    started = own_starts(array, 1 if options.quick else 5, options.threads)
    seconds = [one.first_step for one in started]
    yield Row("imports, seconds", middle([one.imports for one in started]))
    yield Row("from their end to the first step, seconds", middle(seconds), "under 5", statistics.median(seconds) < 5)
    yield Row("from there to the end of two steps, seconds", middle([one.rest for one in started]))
    say("embedding beside a bare loop")
    times = embed_to_bare(sizes.rounds, sizes.embedded)
    speed = ratio_of([bare / ours for ours, bare in zip(times.first, times.second, strict=True)])
    yield Row("embedding's throughput / a bare forward loop's", str(speed), "at least 0.9", speed.value >= 0.9)
    say("help")
    for words in ([], ["pretrain"]):
        helped = help_seconds(words, 1 if options.quick else 9)
        told = " ".join(["randquant", *words, "--help"])
        yield Row(f"{told}, seconds", middle(helped), "under 0.5", statistics.median(helped) < 0.5)


def large_array(folder: Path, sizes: Sizes) -> Path:
    """An .npy of noise."""
    path = folder / "large.npy"
    array = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (sizes.samples, *_SHAPE))
    rng = np.random.default_rng(0)
    for start in range(0, sizes.samples, 512):
        some = array[start : start + 512]
        some[:] = rng.standard_normal(some.shape, np.float32)
    array.flush()
    return path


def large_table(folder: Path, sizes: Sizes) -> Path:
    """A .csv of 24 columns of numbers and one of words."""
    path, rng = folder / "large.csv", np.random.default_rng(0)
    names = [*(f"c{number}" for number in range(24)), "kind"]
    schema = pyarrow.schema([*((name, pyarrow.float64()) for name in names[:-1]), ("kind", pyarrow.string())])
    with csv.CSVWriter(path, schema) as file:
        for start in range(0, sizes.rows, 10_000):
            count = min(10_000, sizes.rows - start)
            columns = [*rng.standard_normal((24, count)), rng.choice(["a", "b", "c"], count)]
            file.write_table(pyarrow.table(dict(zip(names, columns, strict=True)), schema))
    return path


def page(rows: list[Row], sizes: Sizes, options: Options, files: list[str]) -> str:
    """All that a run has to say."""
    size, csv = files
    threads = "" if options.threads == Options.threads else f" --threads {options.threads}"
    return _PAGE.format(
        command=f"python benchmarks/own_data.py {'--quick' if options.quick else _SAVED}{threads}",
        machine=machine(options.threads),
        table=table_of(rows, judged=not options.quick),
        size=size,
        csv=csv,
        batches=sizes.batches,
        embedded=sizes.embedded,
        judged=" The files of a quick run are too small to be judged by." if options.quick else "",
    )


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
