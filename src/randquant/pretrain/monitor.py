"""An encoder that is being trained and a labelled data set in, how well plain heads read its features out.

Looks at the training part of the labelled set alone: a keyed cut of it teaches, the rest is scored. Nothing is chosen
on a test part, not even by the eye of who watches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from randquant.data import Batch, Dataset
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.probe import extract, labels_of
from randquant.probe.cut import VALIDATION, cut
from randquant.probe.features import groups_of
from randquant.probe.score import accuracies
from randquant.quantize.draw import Draws
from randquant.spec import Spec

SAMPLES = 2000  # at most; a look takes about a second


def check_labels(dataset: Dataset, spec: Spec, seed: int) -> None:
    """Refuse a data set that cannot be tried.

    Args:
        dataset: the labelled set.
        spec: of the samples that are trained on.
        seed: as in `monitor`.

    Raises:
        UserError: it has no classes, other inputs than the encoder, or too few samples.
    """
    dataset.check_classes("monitors", spec)
    labels = labels_of(_looked_at(dataset, seed))
    if len(np.unique(labels)) < 2 or np.bincount(labels).max() < VALIDATION:
        raise UserError(f"monitors: {dataset.name} has too few samples, must have 2 classes, {VALIDATION} of one")


def monitor(encoder: Encoder, dataset: Dataset, seed: int) -> dict[str, Any]:
    """The share of a cut of the training part that neighbours and a linear head name right.

    Args:
        encoder: what is being trained; its mode is left as it was.
        dataset: a set that `check_labels` has passed.
        seed: names the samples that are looked at, and the cut.

    Returns:
        `monitor`, the set's name, `knn_accuracy` and `linear_accuracy`; for metrics.jsonl. Where features hold NaN or
        infinite values, `not_finite` in place of the two: of how many samples.
    """
    samples = _looked_at(dataset, seed)
    features, labels = extract(encoder, samples), labels_of(samples)
    if bad := int((~np.isfinite(features).all(axis=1)).sum()):
        return {"monitor": dataset.name, "not_finite": bad}
    taught, tried = cut(labels, seed, groups_of(samples))
    voted, read = accuracies(features[taught], labels[taught], features[tried], labels[tried])
    return {"monitor": dataset.name, "knn_accuracy": voted, "linear_accuracy": read}


def _looked_at(dataset: Dataset, seed: int) -> Batch:
    """At most `SAMPLES` of the training part."""
    samples = dataset.held("train")
    return samples.take(Draws(seed, 0, samples.ids).permutation("monitor")[:SAMPLES])
