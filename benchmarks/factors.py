"""Nothing in; out: how much of what trained features tell apart each factor of a made sample moves, in one table.

Total effects: Sobol', "Global sensitivity indices for nonlinear mathematical models and their Monte Carlo estimates",
2001; the estimator is Jansen's, 1999.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from page import machine
from table import markdown
from torch import Tensor, nn
from words import words

from randquant import process
from randquant.bench.configurations import Configuration
from randquant.bench.explored import best, read_trials
from randquant.data import DATASETS, Batch, Dataset, open_data
from randquant.data.mini import xray_shapes
from randquant.encoder import make_encoder
from randquant.methods import UNTRAINED
from randquant.pretrain import train
from randquant.probe import RAW, extract
from randquant.probe.plain import plain
from randquant.probe.score import unit
from randquant.quantize.draw import Draws
from randquant.settings import EncoderSettings, PretrainSettings

EXPLORED = Path(__file__).parents[1] / "docs" / "results" / "mini-exploration.jsonl"
_SAVED = "--markdown docs/results/mini-factors.md"
_OTHERS = 1_000_000  # numbers from here on are no sample's
_PAGE = """\
# What the features of the mini suite's encoders follow

Made by `{command}`.

{machine}

A sample is made of factors. A cell is how much of the variance of unit-length features is left when all other factors
stay as they are and this one alone is drawn anew, in percent: its total effect. That includes its part in interactions,
so a column may add up to more than 100. Nearest neighbours go by what has a large share.

{tables}

- Means and standard deviations over {seeds} seeds of the encoder. Trained for {steps} steps on the task's training part
  by each method's best configuration in [mini-exploration.jsonl](mini-exploration.jsonl); at most {rows} samples, none
  of them of a test part. Raw is what the suite's row of that name is probed by.
- X-ray shapes: pictures of numbers that neither part has. A finding is drawn anew with its details, such as its side.
- Emoji: drawings and names of the training part, put together at random; either is drawn anew by taking that of another
  emoji.
"""


@dataclass(frozen=True)
class Options:
    """Tell what the features of random, raw and trained encoders follow."""

    markdown: Path | None = None
    """Write the page to this file too."""
    quick: bool = False
    """Few samples and steps: shows that all works."""
    threads: int = 1
    """How many the process may use."""
    seeds: int = 3
    """Encoders a method."""
    steps: int = 300
    """Of each training."""
    rows: int = 512
    """Samples, each of which is made once more for every factor."""
    methods: tuple[str, ...] = ("raw", "none", "emix", "rq", "crop+rq", "shed")
    """Columns."""
    tasks: tuple[str, ...] = ("xray_shapes", "emoji")
    """Tables."""
    precision: str = "bf16"
    """Of the training step."""


@dataclass(frozen=True)
class Varied:
    """Samples, and the same samples once more for each factor, with that factor alone drawn anew."""

    samples: Batch
    anew: Mapping[str, Batch]


def main(options: Options) -> None:
    """Print the page."""
    if options.markdown and not options.markdown.absolute().parent.is_dir():
        sys.exit(f"factors.py: error: --markdown: there is no folder {options.markdown.parent}; make it first")
    torch.set_num_threads(options.threads)
    process.keep_memory()
    if options.quick:
        options = dataclasses.replace(
            options, seeds=2, steps=2, rows=32, methods=("raw", "none", "rq"), tasks=("xray_shapes",)
        )
    tables = [f"## {DATASETS[task].title}\n\n{table(task, options)}" for task in options.tasks]
    text = _PAGE.format(
        command=f"python benchmarks/factors.py {words(options, _SAVED)}",
        machine=machine(options.threads),
        tables="\n\n".join(tables),
        seeds=options.seeds,
        steps=options.steps,
        rows=options.rows,
    )
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


def table(task: str, options: Options) -> str:
    """A row a factor, a column a method."""
    dataset = open_data(task)
    varied = VARIED[task](dataset, options.rows)
    columns = {method: effects_of(method, dataset, varied, options) for method in options.methods}
    rows = [["", *options.methods]]
    rows += [[factor, *(told([one[factor] for one in seeds]) for seeds in columns.values())] for factor in varied.anew]
    return markdown(rows)


def effects_of(method: str, dataset: Dataset, varied: Varied, options: Options) -> list[dict[str, float]]:
    """The effect of each factor on a method's features, once for each of its seeds; what is not drawn has one."""
    if method == RAW:
        train = dataset.parts["train"]
        return [effects(lambda samples: plain(dataset.spec.inputs, train, samples)[1], varied)]
    found = []
    for seed in range(options.seeds):
        encoder = encoder_of(method, dataset, seed, options)
        found.append(effects(lambda samples, encoder=encoder: extract(encoder, samples), varied))
        shares = ", ".join(f"{factor} {100 * share:.1f}" for factor, share in found[-1].items())
        sys.stderr.write(f"{dataset.name}, {method}, seed {seed}: {shares}\n")
    return found


def encoder_of(method: str, dataset: Dataset, seed: int, options: Options) -> nn.Module:
    """The encoder that a method trains by its best configuration, or as it was drawn."""
    if method == UNTRAINED:
        return make_encoder(dataset.spec, EncoderSettings(), seed)
    chosen = configuration(dataset.name, method)
    with tempfile.TemporaryDirectory() as folder:
        settings = PretrainSettings(
            data=dataset.name,
            method=method,
            out=Path(folder) / "run",
            steps=options.steps,
            batch=DATASETS[dataset.name].batch,
            seed=seed,
            learning_rate=chosen.learning_rate,
            method_details=chosen.details,
            device="cpu",
            precision=options.precision,  # type: ignore[arg-type]
            quiet=True,
        )
        return train(settings, dataset, kept=False).encoder()


def configuration(task: str, method: str) -> Configuration:
    """The best of those that were tried."""
    found = best(read_trials(EXPLORED), task, method)
    if found is None:
        sys.exit(f"factors.py: error: --methods: {method} was not tried on {task}")
    return found.configuration


def effects(features_of: Callable[[Batch], NDArray[np.floating]], varied: Varied) -> dict[str, float]:
    """The total effect of each factor on unit-length features, from 0 to 1."""

    def features(samples: Batch) -> NDArray[np.floating]:
        return unit(features_of(samples).astype(np.float64))

    first = features(varied.samples)
    variance = float(first.var(axis=0, ddof=1).sum())
    return {
        factor: float(((features(other) - first) ** 2).sum(axis=1).mean()) / (2 * variance)
        for factor, other in varied.anew.items()
    }


def told(shares: Sequence[float]) -> str:
    """In percent, with the standard deviation over seeds."""
    spread = f" ± {100 * statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
    return f"{100 * statistics.fmean(shares):.1f}{spread}"


# Purposes of the keyed draws that a picture is made of.
_DETAILS = {
    "large heart": ("large",),
    "fluid": ("fluid side", "level"),
    "spot": ("spot side", "size", "spot x", "spot y"),
    "dark rim": ("rim side", "rim"),
    "line": ("path", "bend", "end"),
}
_NUISANCES = {
    "place": ("x", "y"),
    "lungs": ("width", "height"),
    "body": ("body",),
    "ribs": ("ribs",),
    "size and place of the heart": ("heart", "centre"),
    "gain": ("gain",),
    "noise": ("noise",),
}


def varied_shapes(dataset: Dataset, rows: int) -> Varied:
    """Pictures of the made-up X-rays; everything in them is drawn by key, so one thing alone can be drawn anew."""
    ids = torch.arange(_OTHERS, _OTHERS + rows)
    share = float(dataset.held("train").target.mean())  # type: ignore[union-attr]

    def findings(numbers: Tensor) -> Tensor:
        return (Draws(0, 0, numbers).uniform("findings", len(xray_shapes.FINDINGS)) < share).float()

    def pictures(found: Tensor, anew: Sequence[str] = ()) -> Batch:
        with mock.patch.object(xray_shapes, "Draws", lambda seed, epoch, ids: Partly(seed, epoch, ids, anew)):
            return Batch(ids, (xray_shapes.pictures(ids, found),))

    there, other = findings(ids), findings(ids + rows)
    some = {factor: pictures(there, purposes) for factor, purposes in _NUISANCES.items()}
    for place, finding in enumerate(xray_shapes.FINDINGS):
        found = there.clone()
        found[:, place] = other[:, place]
        some[finding] = pictures(found, _DETAILS[finding])
    return Varied(pictures(there), some)


class Partly:
    """Keyed draws of which some purposes are those of other numbers."""

    def __init__(self, seed: int, epoch: int, ids: Tensor, anew: Sequence[str]) -> None:
        self.own, self.others, self.anew = Draws(seed, epoch, ids), Draws(seed, epoch, ids + _OTHERS), anew

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        """As `Draws.uniform`."""
        return (self.others if purpose in self.anew else self.own).uniform(purpose, *shape)


def varied_captions(dataset: Dataset, rows: int) -> Varied:
    """Drawings with names drawn for them; a drawing, or a name, is then another's."""
    train = dataset.parts["train"]
    whole = train.take(torch.arange(len(train.ids)))
    fitting = torch.nonzero(whole.target == 1)[:, 0]
    count = min(rows, len(fitting) // 3)
    order = fitting[Draws(0, 0, fitting).permutation("factors")]
    shown, named, other = (order[place * count : (place + 1) * count] for place in range(3))
    pixels, names = whole.inputs
    ids = torch.arange(count)
    return Varied(
        Batch(ids, (pixels[shown], names[named])),
        {"drawing": Batch(ids, (pixels[other], names[named])), "name": Batch(ids, (pixels[shown], names[other]))},
    )


VARIED: dict[str, Callable[[Dataset, int], Varied]] = {"xray_shapes": varied_shapes, "emoji": varied_captions}


if __name__ == "__main__":
    main(tyro.cli(Options))
