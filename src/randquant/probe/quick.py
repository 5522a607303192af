"""An encoder and a task in, two scores out: a look that is cheap enough for every setting that is tried.

Neighbours and a linear head as in the default probe, with all labels, but the penalty is the middle one of the seven,
and a training part of more than 4,000 samples, or a part to be asked of more than 2,000, gives so many of them, drawn
by key.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from randquant.data import Batch, Dataset, Samples
from randquant.probe.score import MIDDLE, Score
from randquant.probe.task import score_task
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
    parts = {part: some(dataset.parts[part], most, seed) for part, most in (("train", TAUGHT), ("test", ASKED))}
    return score_task(encoder, replace(dataset, parts=parts), seed=seed, draws=0, penalties=MIDDLE)


def some(samples: Samples, most: int, seed: int) -> Batch:
    """At most so many of the samples, in their own order."""
    order = Draws(seed, 0, samples.ids).permutation("quick")
    rows: torch.Tensor = order[:most].sort().values
    return samples.take(rows)
