"""Labelled data in, the accuracy of a classifier that was trained on its training part out."""

from __future__ import annotations

import dataclasses

from randquant.data import Dataset
from randquant.probe import extract, labels_of
from randquant.probe.score import Score, share_of
from randquant.settings import SuperviseSettings
from randquant.supervise.training import train_classifier


def supervised_score(settings: SuperviseSettings, dataset: Dataset) -> Score:
    """Train without a look at the part `test`, then say what is named right of it.

    Raises:
        UserError: as in `train_classifier`.
    """
    training = dataclasses.replace(dataset, parts={"train": dataset.parts["train"]})
    _, classifier = train_classifier(settings, training)
    test = dataset.parts["test"]
    right = extract(classifier, test).argmax(axis=1) == labels_of(test)
    return Score("linear_accuracy", "all", 0, float(right.mean()), share_of(right))
