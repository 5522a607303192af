"""An encoder that is being trained and a labelled data set in, how well plain heads read its features out.

Looks at the training part of the labelled set alone: a keyed cut of it teaches, the rest is scored. Nothing is chosen
on a test part, not even by the eye of who watches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from randquant.data import Batch, Dataset
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.probe import extract
from randquant.probe.score import accuracies
from randquant.quantize.draw import Draws
from randquant.spec import Spec

SAMPLES = 2000  # at most; a look takes about a second


def check_labels(dataset: Dataset, spec: Spec) -> None:
    """Refuse a data set that cannot be tried.

    Args:
        dataset: the labelled set.
        spec: of the samples that are trained on.

    Raises:
        UserError: it has no classes, other inputs than the encoder, or too few samples.
    """
    target = dataset.spec.target
    if target is None or target.kind != "class":
        kind = "no labels" if target is None else f"a target of kind {target.kind}"
        raise UserError(f"monitor: {dataset.name} has {kind}; a monitor needs a data set whose target is a class")
    if dataset.spec.inputs != spec.inputs:
        raise UserError(
            f"monitor: {dataset.name} has inputs {dataset.spec.inputs}, but the encoder takes {spec.inputs}"
        )
    counts = np.unique(_labels(dataset.held("train")), return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        raise UserError(f"monitor: {dataset.name} has a class with one sample, or one class; needs 2 of each at least")


def monitor(encoder: Encoder, dataset: Dataset, seed: int) -> dict[str, Any]:
    """The share of a cut of the training part that neighbours and a linear head name right.

    Args:
        encoder: what is being trained; its mode is left as it was.
        dataset: a set that `check_labels` has passed.
        seed: names the samples that are looked at, and the cut.

    Returns:
        `monitor`, the set's name, `knn_accuracy` and `linear_accuracy`; for metrics.jsonl.
    """
    teaching, tried = _cut(dataset.held("train"), seed)
    features = [extract(encoder, part) for part in (teaching, tried)]
    labels = [_labels(part) for part in (teaching, tried)]
    voted, read = accuracies(features[0], labels[0], features[1], labels[1])
    return {"monitor": dataset.name, "knn_accuracy": voted, "linear_accuracy": read}


def _cut(samples: Batch, seed: int) -> tuple[Batch, Batch]:
    """Four fifths of some samples, and the last fifth, class by class."""
    assert samples.target is not None
    few = samples.take(Draws(seed, 0, samples.ids).permutation("monitor")[:SAMPLES].sort().values)
    assert few.target is not None
    order = Draws(seed, 0, few.ids).permutation("monitor/cut")
    taught = torch.zeros(len(order), dtype=torch.bool)
    for label in np.unique(_labels(few)):
        rows = order[few.target[order] == int(label)]
        taught[rows[: max(1, len(rows) * 4 // 5)]] = True
    return few.take(taught.nonzero().flatten()), few.take((~taught).nonzero().flatten())


def _labels(samples: Batch) -> np.ndarray[Any, np.dtype[np.int64]]:
    assert samples.target is not None
    return samples.target.numpy().astype(np.int64)
