"""Frozen features and targets that are no classes in, scores out: findings, numbers, or a yes-or-no with a correlation.

The default probe for such tasks, in the manner of `score`: a linear head on standardised features, whose penalty is
chosen among seven on a fifth of the training part and which is then trained on all of it, and the mean target of the
nearest neighbours. Yes-or-no targets have a logistic head each, numbers have ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from sklearn.linear_model import Ridge

from randquant.data import Metric
from randquant.probe.cut import Groups, cut_values
from randquant.probe.logistic import logistic_path, rotate
from randquant.probe.metrics import METRICS, Scores, Targets, part_scorer
from randquant.probe.score import (
    NEIGHBOURS,
    PENALTIES,
    Features,
    Score,
    check_features,
    nearest_mean,
    standardise,
)

Predict = Callable[[Features], Scores]


def score_values(
    train: Features,
    train_targets: Targets,
    test: Features,
    test_targets: Targets,
    *,
    metric: Metric,
    seed: int = 0,
    penalties: Sequence[float] = PENALTIES,
    groups: Groups | None = None,
) -> list[Score]:
    """Probe features with all labels.

    Args:
        train, test: float [N, D], one row a sample.
        train_targets, test_targets: [N], or [N, findings] of 0 and 1; whole numbers stand for no and yes.
        metric: what both heads are scored by, and the penalty is chosen by.
        seed: names the validation part.
        penalties: those that are chosen among; of one there is no choice, and no validation part.
        groups: of the training samples, [N]; see `cut_values`.

    Raises:
        UserError: features that are not finite, or parts without samples.
    """
    check_features("training", train, train_targets)
    check_features("test", test, test_targets)
    heads = ridge if train_targets.dtype.kind == "f" and train_targets.ndim == 1 else logistic_each
    scaled, scaled_test = standardise(train, test)
    pool, held_out = cut_values(len(train), seed, groups)
    best = penalties[0]
    if len(penalties) > 1:
        queries, asked = scaled[held_out], train_targets[held_out]
        reached = [
            METRICS[metric](head(queries), asked) for head in heads(scaled[pool], train_targets[pool], penalties)
        ]
        best = penalties[int(np.argmax(reached))]
    (head,) = heads(scaled, train_targets, [best])
    near = nearest_mean(train, train_targets.astype(np.float64), test, k=NEIGHBOURS)
    name = metric.removesuffix("_macro")
    return [
        Score(
            f"{which}_{name}", "all", 0, METRICS[metric](found, test_targets), part_scorer(metric, found, test_targets)
        )
        for which, found in (("linear", head(scaled_test)), ("knn", near))
    ]


def ridge(features: Features, targets: Targets, penalties: Sequence[float]) -> list[Predict]:
    """Numbers [N] by linear regressions whose squared coefficients each penalty weighs against the mean loss."""
    return [Ridge(alpha=penalty * len(targets)).fit(features, targets).predict for penalty in penalties]


def logistic_each(features: Features, targets: Targets, penalties: Sequence[float]) -> list[Predict]:
    """Logits of yes, [N] or [N, findings], from one logistic regression a finding; for each penalty.

    A finding that the training part holds only one way has a logit of 0.
    """
    columns, rotated = targets.reshape(len(targets), -1).astype(np.int64), rotate(features)
    paths = [
        list(logistic_path(rotated, column, penalties)) if len(np.unique(column)) == 2 else [None] * len(penalties)
        for column in columns.T
    ]

    def predict(place: int, queries: Features) -> Scores:
        heads = [path[place] for path in paths]
        logits = [np.zeros(len(queries)) if head is None else np.diff(head.logits(queries))[:, 0] for head in heads]
        return np.stack(logits, axis=1).reshape(len(queries), *targets.shape[1:])

    return [partial(predict, place) for place in range(len(penalties))]
