"""An encoder that is being trained and a labelled data set in, how well plain heads read its features out.

A keyed cut of the samples teaches, the rest is scored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from randquant.data import Dataset
from randquant.encoder import Encoder
from randquant.probe import extract, labels_of
from randquant.probe.cut import cut
from randquant.probe.features import groups_of
from randquant.probe.score import accuracies


def monitor(encoder: Encoder, dataset: Dataset, seed: int) -> dict[str, Any]:
    """The share of a cut of the samples that neighbours and a linear head name right.

    Args:
        encoder: what is being trained; its mode is left as it was.
        dataset: what `looked_at` has left of a set.
        seed: names the cut.

    Returns:
        `monitor`, the set's name, `knn_accuracy` and `linear_accuracy`; for metrics.jsonl. Where features hold NaN or
        infinite values, `not_finite` in place of the two: of how many samples.
    """
    samples = dataset.held("train")
    features, labels = extract(encoder, samples), labels_of(samples)
    if bad := int((~np.isfinite(features).all(axis=1)).sum()):
        return {"monitor": dataset.name, "not_finite": bad}
    taught, tried = cut(labels, seed, groups_of(samples))
    voted, read = accuracies(features[taught], labels[taught], features[tried], labels[tried])
    return {"monitor": dataset.name, "knn_accuracy": voted, "linear_accuracy": read}
