"""Nothing in; out: the probe's logistic regression beside scikit-learn's on plain features, in one table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import tyro
from sklearn.linear_model import LogisticRegression
from table import markdown

from randquant.data import open_data
from randquant.probe import labels_of
from randquant.probe.cut import Labels, cut
from randquant.probe.logistic import logistic_path, rotate
from randquant.probe.plain import plain
from randquant.probe.score import PENALTIES, Features, standardise


@dataclass(frozen=True)
class Options:
    """Compare the probe's logistic regression with scikit-learn's: seven penalties, from strong to weak."""

    tasks: tuple[str, ...] = ("digits", "sentiment", "fashion_mnist")
    """Tasks of the mini suite, whose plain features are taken; fashion_mnist takes minutes."""
    threads: int = 2
    """How many the process may use."""
    tolerance: float = 1e-6
    """Of scikit-learn's: the largest entry of the gradient at which it ends."""


class Found(NamedTuple):
    """Seconds for all penalties, and what of the validation part each names right."""

    seconds: float
    accuracies: list[float]


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    header = ["", "samples", "features", "ours, s", "scikit-learn, s", "largest difference, points", "penalty chosen"]
    body = []
    for task in options.tasks:
        dataset = open_data(task)
        labels = labels_of(dataset.parts["train"])
        features, _ = standardise(*plain(dataset.spec.inputs, dataset.parts["train"], dataset.parts["test"]))
        pool, held_out = cut(labels, 0)
        parts = features[pool], labels[pool], features[held_out], labels[held_out]
        mine, its = timed(ours, *parts), timed(lambda *some: scikit_learns(*some, options.tolerance), *parts)
        gap = max(abs(one - other) for one, other in zip(mine.accuracies, its.accuracies, strict=True))
        chosen = [PENALTIES[int(np.argmax(one.accuracies))] for one in (mine, its)]
        agree = f"{chosen[0]:g}" if chosen[0] == chosen[1] else f"{chosen[0]:g} and {chosen[1]:g}"
        size = [f"{len(pool):,}", f"{features.shape[1]:,}"]
        body.append([task, *size, f"{mine.seconds:.2f}", f"{its.seconds:.2f}", f"{100 * gap:.2f}", agree])
    sys.stdout.write(markdown([header, *body]) + "\n")


def timed(call: Callable[..., list[float]], *parts: Features | Labels) -> Found:
    """Its seconds, and what it returned."""
    start = time.perf_counter()
    accuracies = call(*parts)
    return Found(time.perf_counter() - start, accuracies)


def ours(features: Features, labels: Labels, queries: Features, asked: Labels) -> list[float]:
    """The probe's."""
    heads = logistic_path(rotate(features), labels, PENALTIES)
    return [float(np.mean(head.predict(queries) == asked)) for head in heads]


def scikit_learns(
    features: Features, labels: Labels, queries: Features, asked: Labels, tolerance: float
) -> list[float]:
    """scikit-learn's, each from where the one before ended."""
    head = LogisticRegression(tol=tolerance, max_iter=100_000, warm_start=True)
    fitted = (head.set_params(C=1 / (penalty * len(labels))).fit(features, labels) for penalty in PENALTIES)
    return [float(np.mean(one.predict(queries) == asked)) for one in fitted]


if __name__ == "__main__":
    main(tyro.cli(Options))
