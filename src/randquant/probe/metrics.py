"""Scores and targets in, one number out: what the tasks of a benchmark are scored by, over a whole part at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from randquant.data import Metric
from randquant.probe.blocks import PartScore
from randquant.spec import TargetKind

Scores = NDArray[np.float64]
Targets = NDArray[np.int64] | NDArray[np.float64]


def accuracy(scores: Scores, targets: Targets) -> float:
    """The share that is named right: by the largest of [N, classes], or by yes where [N] is above 0."""
    named = scores.argmax(axis=1) if scores.ndim == 2 else scores > 0
    return float(np.mean(named == targets))


def pearson(scores: Scores, targets: Targets) -> float:
    """The correlation of [N] with [N]; 0 where one of them never changes."""
    one, other = scores - scores.mean(), targets - targets.mean()
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size > 0 else 0.0


def spearman(scores: Scores, targets: Targets) -> float:
    """The correlation of the ranks of [N] with those of [N], ties sharing theirs."""
    return pearson(rankdata(scores), rankdata(targets))


def auroc_macro(scores: Scores, targets: Targets) -> float:
    """The area under the ROC curve of each finding, [N, findings] both, averaged over those seen both ways.

    It is the chance that a sample with the finding scores above one without, ties counting half. 0.5 where no finding
    is seen both ways.
    """
    areas = []
    for column, found in zip(scores.T, targets.T > 0, strict=True):
        with_it = int(found.sum())
        pairs = with_it * (len(found) - with_it)
        if pairs:
            areas.append((rankdata(column)[found].sum() - with_it * (with_it + 1) / 2) / pairs)
    return float(np.mean(areas)) if areas else 0.5


def part_scorer(metric: Metric, scores: Scores, targets: Targets) -> PartScore:
    """The metric of some samples alone; scores and targets are those of all."""
    return lambda rows: METRICS[metric](scores[rows], targets[rows])


def chance(metric: Metric, targets: Targets) -> float:
    """What is reached by the same answer for every sample: the share of the commonest one, 0.5 or 0."""
    if metric == "accuracy":
        return float(np.unique(targets, return_counts=True)[1].max() / len(targets))
    return 0.5 if metric == "auroc_macro" else 0.0


SCORED_BY: dict[TargetKind, tuple[Metric, ...]] = {  # what makes sense of a target
    "class": ("accuracy",),
    "binary": ("accuracy", "pearson"),
    "multilabel": ("auroc_macro",),
    "regression": ("pearson", "spearman"),
}
METRICS: dict[Metric, Callable[[Scores, Targets], float]] = {
    "accuracy": accuracy,
    "pearson": pearson,
    "spearman": spearman,
    "auroc_macro": auroc_macro,
}
