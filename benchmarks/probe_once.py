"""Nothing in; out: the benchmark's head on features extracted once beside encoding in each epoch, in one table."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import tyro
from page import machine
from paired import Ratio, ratio_of
from scipy.stats import t as student
from table import markdown
from torch import nn
from words import words

from randquant import process
from randquant.data import Dataset, open_data
from randquant.encoder import make_encoder
from randquant.pretrain import pretrain
from randquant.probe import extract
from randquant.probe.anew import Anew
from randquant.probe.benchmark import EPOCHS, score_benchmark
from randquant.probe.features import targets_of
from randquant.settings import BENCHMARK_ENCODER, MethodSettings

TASKS = ("digits", "japanese_vowels", "watch")  # images, speech and sensors; small enough to be encoded 100 times
_BAR = 20
_SAVED = "--markdown docs/benchmarks-probe.md"
_PAGE = """\
# Benchmark of the probe

Made by `{command}`.

{machine}

{table}

- All three train the head of `--protocol dabs`: one linear layer, AdamW at a constant 1e-4, {epochs} epochs, batches of
  64, from the same first weights and in the same order, and score it on the same test part, encoded once.
- Once: each training sample is encoded once, without dropout. This is what `randquant probe --protocol dabs` does.
- Each epoch: each training sample is encoded anew in each epoch, without dropout. The bars are for this: the ratio, and
  that the result is the same, which it is where the interval of the difference holds 0.
- With dropout: the same with the encoder's dropout on, as in the benchmark's own code and with `--dabs-faithful`, so
  that features are other ones in each epoch. The difference from it is told and has no bar. The benchmark's code also
  encodes the test part in each epoch, which is not counted here.
- The encoder is the benchmark's with {depth} of its 12 blocks (width 256, dropout 0.1), {trained}, another
  for each of {seeds} seeds. More blocks only make encoding a larger part of the time.
- At most {rows} training and {rows} test samples a task, evenly spaced in each part.
- Seconds are medians over seeds; the ratio is the median over seeds of each seed's own, with its 95 % interval by
  resampling them. Accuracies are means over seeds, times 100; a difference is once less the other, paired by seed, with
  the 95 % interval of its mean (Student's t).{judged}
"""


@dataclass(frozen=True)
class Options:
    """Compare the benchmark's head on features extracted once with encoding anew in each epoch."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """Few and small steps: shows that all works, judges nothing."""
    threads: int = 1
    """How many the process may use."""
    seeds: int = 5
    """Encoders a task."""
    tasks: tuple[str, ...] = TASKS
    """Tasks of the mini suite."""
    rows: int = 192
    """Samples of each part, at most."""
    depth: int = 4
    """Blocks of the encoder; the benchmark has 12."""
    steps: int = 30
    """Steps of rq that train the encoder; 0 leaves it as it was drawn."""


class Size(NamedTuple):
    """How much is done."""

    depth: int
    steps: int
    rows: int
    epochs: int


class Way(NamedTuple):
    """One way to train the head: its seconds, and its accuracy."""

    seconds: float
    accuracy: float


class Ways(NamedTuple):
    """One encoder's head three ways: features extracted once, in each epoch, and in each epoch with dropout on."""

    once: Way
    anew: Way
    dropped: Way


def main(options: Options) -> int:
    """The exit status: 0, or 1 where a bar is missed."""
    if options.markdown and not options.markdown.absolute().parent.is_dir():
        sys.exit(f"probe_once.py: error: --markdown: there is no folder {options.markdown.parent}; make it first")
    torch.set_num_threads(options.threads)
    process.keep_memory()
    size = Size(1, 2, 40, 3) if options.quick else Size(options.depth, options.steps, options.rows, EPOCHS)
    measured = {task: list(ways(task, size, options.seeds)) for task in options.tasks}
    text = page(measured, size, options)
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    return 0 if options.quick or all(met(some) for some in measured.values()) else 1


def ways(task: str, size: Size, seeds: int) -> Iterator[Ways]:
    """An encoder a seed, its head trained all three ways."""
    dataset = smaller(open_data(task), size.rows)
    for seed in range(seeds):
        encoder = trained(dataset, size, seed)
        some = Ways(
            timed(partial(scored, encoder, dataset, seed, size.epochs)),
            timed(partial(scored, encoder, dataset, seed, size.epochs, dropout=False)),
            timed(partial(scored, encoder, dataset, seed, size.epochs, dropout=True)),
        )
        told = ", ".join(f"{name} {way.seconds:.1f} s {way.accuracy:.4f}" for name, way in some._asdict().items())
        sys.stderr.write(f"{task}, seed {seed}: {told}\n")
        yield some


def smaller(dataset: Dataset, rows: int) -> Dataset:
    """Some samples of each part, evenly spaced, in batches of the benchmark's size."""
    parts = {}
    for part in ("train", "test"):
        held = dataset.held(part)
        places = torch.linspace(0, len(held.ids) - 1, min(rows, len(held.ids))).round().long()
        parts[part] = held.take(places)
    return dataclasses.replace(dataset, parts=parts, batch=64)


def trained(dataset: Dataset, size: Size, seed: int) -> nn.Module:
    """The benchmark's encoder with fewer blocks, after some steps, or as it was drawn."""
    sizes = dataclasses.replace(BENCHMARK_ENCODER, depth=size.depth)
    if not size.steps:
        return make_encoder(dataset.spec, sizes, seed)
    with tempfile.TemporaryDirectory() as folder:
        run = pretrain(
            dataset,
            method="rq",
            out=Path(folder) / "run",
            steps=size.steps,
            batch=min(64, len(dataset.parts["train"].ids)),
            seed=seed,
            encoder=sizes,
            method_details=MethodSettings(temperature=0.2, projection=128),
            device="cpu",
            quiet=True,
        )
        return run.encoder()


def scored(encoder: nn.Module, dataset: Dataset, seed: int, epochs: int, *, dropout: bool | None = None) -> float:
    """What `--protocol dabs` does; or the training part is encoded in each epoch, with dropout or without."""
    train, test = dataset.held("train"), dataset.held("test")
    target = dataset.spec.target
    assert target is not None
    (score,) = score_benchmark(
        extract(encoder, train), targets_of(train, target.kind), extract(encoder, test), targets_of(test, target.kind),
        target=target, metric=dataset.metric, batch=dataset.batch, seed=seed, epochs=epochs,
        anew=None if dropout is None else Anew(encoder, train, seed, dropout=dropout),
    )  # fmt: skip
    return score.value


def timed(call: Callable[[], float]) -> Way:
    """Its seconds, and what it returned."""
    start = time.perf_counter()
    accuracy = call()
    return Way(time.perf_counter() - start, accuracy)


def speedup(some: list[Ways]) -> Ratio:
    """How many times faster once is than each epoch."""
    return ratio_of([ways.anew.seconds / ways.once.seconds for ways in some])


def difference(gaps: list[float]) -> tuple[float, float]:
    """The mean of some gaps, and half its 95 % interval; infinite with one."""
    if len(gaps) < 2:
        return gaps[0], float("inf")
    half = float(student.ppf(0.975, len(gaps) - 1)) * statistics.stdev(gaps) / len(gaps) ** 0.5
    return statistics.fmean(gaps), half


def met(some: list[Ways]) -> bool:
    """Whether once is fast enough, and the result the same."""
    gap, half = difference([ways.once.accuracy - ways.anew.accuracy for ways in some])
    return speedup(some).value >= _BAR and abs(gap) <= half


def mean(some: tuple[Way, ...]) -> str:
    """Their accuracy, times 100."""
    return f"{100 * statistics.fmean(way.accuracy for way in some):.1f}"


def gap(some: tuple[Way, ...], others: tuple[Way, ...]) -> str:
    """Their difference in points, with its interval."""
    middle, half = difference([one.accuracy - other.accuracy for one, other in zip(some, others, strict=True)])
    return f"{100 * middle:+.2f} [{100 * (middle - half):+.2f}, {100 * (middle + half):+.2f}]"


def page(measured: dict[str, list[Ways]], size: Size, options: Options) -> str:
    """All that a run has to say."""
    header = [
        "", "once, s", "each epoch, s", f"ratio (bar: {_BAR})", "once, %", "each epoch, %", "difference",
        "with dropout, %", "difference", "",
    ]  # fmt: skip
    body = []
    for task, some in measured.items():
        once, anew, dropped = zip(*some, strict=True)
        body.append(
            [
                task,
                f"{statistics.median(way.seconds for way in once):.2f}",
                f"{statistics.median(way.seconds for way in anew):.1f}",
                str(speedup(some)),
                mean(once),
                mean(anew),
                gap(once, anew),
                mean(dropped),
                gap(once, dropped),
                "" if options.quick else "met" if met(some) else "**missed**",
            ]
        )
    return _PAGE.format(
        command=f"python benchmarks/probe_once.py {words(options, _SAVED)}",
        machine=machine(options.threads),
        table=markdown([header, *body]),
        depth=size.depth,
        trained=f"trained by `rq` for {size.steps} steps" if size.steps else "random as in its column None",
        seeds=options.seeds,
        rows=size.rows,
        epochs=size.epochs,
        judged=" The steps of a quick run are too few to be judged by." if options.quick else "",
    )


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
