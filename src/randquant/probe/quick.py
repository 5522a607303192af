"""An encoder and a task in, two scores out: a look that is cheap enough for every setting that is tried.

Neighbours and a linear head as in the default probe, with all labels, but the penalty is the middle one of the seven,
and a training part of more than 4,000 samples, or a part to be asked of more than 2,000, gives so many of them, drawn
by key.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from randquant.data import Batch, Dataset, Samples
from randquant.probe.features import extract, targets_of
from randquant.probe.score import MIDDLE, Score, accuracies
from randquant.probe.values import score_values
from randquant.quantize.draw import Draws

TAUGHT, ASKED = 4000, 2000  # samples, at most


def quick_scores(encoder: nn.Module, dataset: Dataset, *, seed: int) -> list[Score]:
    """The neighbours' score and the linear head's, by the data set's metric, on its test part.

    Args:
        encoder: gives features [B, D] from the inputs.
        dataset: a task.
        seed: names the samples that a large part gives.

    Raises:
        UserError: features that are not finite, or parts without samples.
    """
    target = dataset.spec.target
    assert target is not None
    parts = [some(dataset.parts[part], most, seed) for part, most in (("train", TAUGHT), ("test", ASKED))]
    train, test = (extract(encoder, part) for part in parts)
    taught, asked = (targets_of(part, target.kind) for part in parts)
    if dataset.metric == "accuracy":
        near, linear = accuracies(train, taught.astype(np.int64), test, asked.astype(np.int64))
        return [Score("knn_accuracy", "all", 0, near), Score("linear_accuracy", "all", 0, linear)]
    return score_values(train, taught, test, asked, metric=dataset.metric, seed=seed, penalties=MIDDLE)


def some(samples: Samples, most: int, seed: int) -> Batch:
    """At most so many of the samples, in their own order."""
    order = Draws(seed, 0, samples.ids).permutation("quick")
    rows: torch.Tensor = order[:most].sort().values
    return samples.take(rows)
