"""Frozen features and targets that are no classes in, scores out: findings, numbers, or a yes-or-no with a correlation.

The default probe for such tasks, in the manner of `score`: a linear head on standardised features, whose penalty is
chosen among seven on a fifth of the training part and which is then trained on all of it, and the mean target of the
nearest neighbours. Yes-or-no targets have a logistic head each, numbers have ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from randquant.data import Metric
from randquant.probe.cut import Groups, cut_values
from randquant.probe.metrics import METRICS, Scores, Targets
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
    fit = ridge if train_targets.dtype.kind == "f" and train_targets.ndim == 1 else logistic_each
    scaled, scaled_test = standardise(train, test)
    pool, held_out = cut_values(len(train), seed, groups)
    reached = [
        METRICS[metric](fit(scaled[pool], train_targets[pool], penalty)(scaled[held_out]), train_targets[held_out])
        for penalty in (penalties if len(penalties) > 1 else ())
    ]
    head = fit(scaled, train_targets, penalties[int(np.argmax(reached)) if reached else 0])
    near = nearest_mean(train, train_targets.astype(np.float64), test, k=NEIGHBOURS)
    name = metric.removesuffix("_macro")
    return [
        Score(f"linear_{name}", "all", 0, METRICS[metric](head(scaled_test), test_targets)),
        Score(f"knn_{name}", "all", 0, METRICS[metric](near, test_targets)),
    ]


def ridge(features: Features, targets: Targets, penalty: float) -> Predict:
    """Numbers [N] by linear regression with squared coefficients weighed by the penalty against the mean loss."""
    head = Ridge(alpha=penalty * len(targets)).fit(features, targets)

    def predict(queries: Features) -> Scores:
        numbers: Scores = head.predict(queries)
        return numbers

    return predict


def logistic_each(features: Features, targets: Targets, penalty: float) -> Predict:
    """Logits of yes, [N] or [N, findings], from one logistic regression a finding.

    A finding that the training part holds only one way has a logit of 0.
    """
    columns = targets.reshape(len(targets), -1)
    heads = [
        LogisticRegression(C=1 / (penalty * len(targets)), tol=1e-6, max_iter=100_000).fit(features, column)
        if len(np.unique(column)) == 2
        else None
        for column in columns.T
    ]

    def predict(queries: Features) -> Scores:
        logits = [np.zeros(len(queries)) if head is None else head.decision_function(queries) for head in heads]
        return np.stack(logits, axis=1).reshape(len(queries), *targets.shape[1:])

    return predict
