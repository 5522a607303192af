"""Edges in the range or among the values, on real data with and without a heavy tail: what bins keep, what probes read.

    python benchmarks/heavy_tails.py --seeds 3 --steps 200

Heavy: the spectrograms of spoken_article as power, 10^(8 (v - 1)) of their decibels v. Plain: the same in decibels.
One encoder a row and seed, method rq with 8 bins; scores are those of `randquant probe` with all labels.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import torch

from randquant.data import Batch, Dataset, open_data
from randquant.encoder import make_encoder
from randquant.pretrain import train
from randquant.probe import score_task
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.information import kept
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings
from randquant.terminal import say

BINS = 8


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--steps", type=int, default=200)
    words.add_argument("--batch", type=int, default=128)
    words.add_argument("--data", default="spoken_article")
    words.add_argument("--sets", nargs="+", default=["power", "decibels"])
    given = words.parse_args()
    plain = open_data(given.data)
    sets = {"power": replace(plain, parts={part: power(plain.held(part)) for part in plain.parts}), "decibels": plain}
    say("data\trow\tbits\tfullest_bin\tknn\tlinear")
    for name in given.sets:
        dataset = sets[name]
        scores = [read(dataset, None, 0)]
        tell(name, "raw", ("", ""), scores)
        scores = [
            read(dataset, make_encoder(dataset.spec, EncoderSettings(), seed), seed) for seed in range(given.seeds)
        ]
        tell(name, "random encoder", ("", ""), scores)
        for edges in ("random", "quantile"):
            scores = []
            for seed in range(given.seeds):
                with tempfile.TemporaryDirectory() as folder:
                    settings = PretrainSettings(
                        data=given.data, method="rq", out=Path(folder) / "run", steps=given.steps, seed=seed,
                        quiet=True, batch=given.batch, device="cpu",
                        method_details=MethodSettings(bins=BINS, edges=edges),
                    )  # fmt: skip
                    scores.append(read(dataset, train(settings, dataset).encoder(), seed))
            tell(name, f"rq, {edges} edges", information(dataset, edges), scores)


def power(batch: Batch) -> Batch:
    """Decibels, 0 for 80 below the loudest place and 1 for that, as power."""
    return batch._replace(inputs=(10 ** (8 * (batch.inputs[0] - 1)),))


def information(dataset: Dataset, edges: str) -> tuple[str, str]:
    """Bits that the bins keep, and the share of values in the fullest; means over 256 samples."""
    some = dataset.held("train").take(slice(256))
    drawn = quantize_with_bins(some.inputs[0], BINS, torch.arange(len(some.ids)), edges=edges)  # type: ignore[arg-type]
    found = kept(some.inputs[0].flatten(2).flatten(0, 1), drawn.edges.flatten(0, 1))
    return f"{float(found.bits.mean()):.2f}", f"{float(found.fullest.mean()):.3f}"


def read(dataset: Dataset, encoder: torch.nn.Module | None, seed: int) -> dict[str, float]:
    """What both heads read with all labels."""
    return {one.head: one.value for one in score_task(encoder, dataset, seed=seed, draws=1) if one.labels == "all"}


def tell(name: str, row: str, bins: tuple[str, str], scores: list[dict[str, float]]) -> None:
    cells = []
    for head in ("knn", "linear"):
        values = [100 * one[head] for one in scores]
        cells.append(f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else ""))
    say("\t".join([name, row, *bins, *cells]))


if __name__ == "__main__":
    main()
