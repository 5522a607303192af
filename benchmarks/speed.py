"""Nothing in; out: correctness first, then one table of times and memory, then the bars, met or missed."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

# OpenMP's threads spin for milliseconds after torch's work; the next call, another contestant's, would pay for it.
# They read this when torch is loaded; processes started from here inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import tyro
from bars import BARS
from batches import BATCHES, EMBEDDINGS, MAIN, Batch, Work
from clock import cpu_seconds, cuda_seconds, medians
from contestants import BINS, CONTESTANTS, Call, Contestant
from correctness import faults
from page import page
from processes import fresh_to_clone, peak_extra, peaks_can_be_read
from results import MEMORY_BINS, Case, Results
from rows import say


@dataclass(frozen=True)
class Options:
    """Time randomized quantization beside other ways to do it, once all of them are right."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """Small batches, few rounds, no torch.compile, memory of the first batch: shows that all works, judges nothing."""
    threads: int = 2
    """How many a process may use; one process works at a time."""
    device: Literal["all", "cpu", "cuda"] = "all"
    """all: the CPU, and a GPU where there is one. The bars are of the CPU."""

    @property
    def bins(self) -> tuple[int, ...]:
        return (2, 8, 64) if self.quick else BINS

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 15

    def weighs(self, case: Case) -> bool:
        """Whether the memory of a case is measured."""
        if self.quick:
            return case.batch.main and case.bins == MEMORY_BINS
        return case.bins in (0, MEMORY_BINS)

    @property
    def processes(self) -> int:
        return 1 if self.quick else 5


def main(options: Options) -> int:
    """The exit status: 0, or 1 where a bar is missed; ends at once where an answer is wrong."""
    if options.markdown and not options.markdown.absolute().parent.is_dir():
        sys.exit(f"speed.py: error: --markdown: there is no folder {options.markdown.parent}; make it first")
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("speed.py: error: --device: got cuda, but torch finds no GPU here")
    torch.set_num_threads(options.threads)
    results = Results()
    if options.device != "cuda":
        on_cpu(results, options)
    if options.device != "cpu" and torch.cuda.is_available():
        results.seconds |= times(options, "cuda")
    return report(results, options)


def on_cpu(results: Results, options: Options) -> None:
    """Times, memory and the ratios of fresh processes."""
    results.seconds |= times(options, "cpu")
    if peaks_can_be_read():
        say("memory, each case in a process of its own")
        for case in filter(options.weighs, results.seconds):
            results.extra[case] = peak_extra(*case, threads=options.threads)
    say("fresh output and clone() in processes of their own")
    for batch in (MAIN, Batch(EMBEDDINGS, MAIN.dtype)):
        sized = replace(batch, quick=options.quick)
        results.to_clone[batch.kind] = [
            fresh_to_clone(sized, MEMORY_BINS, options.threads, options.rounds, less_draws=batch is not MAIN)
            for _ in range(options.processes)
        ]


def times(options: Options, device: str) -> dict[Case, float]:
    """Seconds of every case of a device, once all their answers are right."""
    say(f"{device}: answers")
    prepared = [prepare(replace(batch, quick=options.quick, device=device), options) for batch in BATCHES]
    if wrong := [fault for work, calls in prepared for fault in faults(work, calls)]:
        sys.exit("\n".join([*wrong, "speed.py: error: nothing is timed while an answer is wrong"]))
    say(f"{device}: times")
    groups = [calls for _, calls in prepared]
    return medians(groups, cpu_seconds if device == "cpu" else cuda_seconds, rounds=options.rounds)


def prepare(batch: Batch, options: Options) -> tuple[Work, dict[Case, Call]]:
    """The batch in memory, and the calls that are timed on it."""
    work = batch.work()
    return work, {
        Case(batch, contestant.name, bins): contestant.prepare(work, bins)
        for contestant in CONTESTANTS
        if takes_part(contestant, batch)
        for bins in contestant.bins or (0,)
        if bins in (0, *options.bins)
    }


def takes_part(contestant: Contestant, batch: Batch) -> bool:
    if contestant.main_only and not batch.main:
        return False
    return not contestant.compiles or (not batch.quick and shutil.which("g++") is not None)


def report(results: Results, options: Options) -> int:
    """Print the page, and say by the exit status whether all bars are met."""
    words = [
        *([] if options.device == "all" else ["--device", options.device]),
        *(["--quick"] if options.quick else []),
    ]
    verdicts = [] if options.device == "cuda" else [bar.verdict(results) for bar in BARS]
    text = page(results, verdicts, words, threads=options.threads, rounds=options.rounds, quick=options.quick)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    return 0 if options.quick or all(verdict.met for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
