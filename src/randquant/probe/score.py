"""Frozen features and labels in, scores out: how much of a task a linear and a nearest-neighbour head read from them.

The default probe. Two heads are scored on the test part, with 1, 5 and 20 labels a class, drawn several times, and
with all: multinomial logistic regression, trained to convergence on features standardised by their mean and spread in
the training part, which needs no label; and a vote of the nearest neighbours under cosine similarity, on the features
as they are, since standardising would weigh a pixel that is almost always blank like one in the middle of a stroke.

The penalty of the regression is chosen among seven on a validation part that is cut from the training part. It is the
same part for every method and every number of labels. The rows with few labels therefore use labelled validation
samples beyond the few, for this one choice; that is equal for all methods. The row with all labels is trained again on
the whole training part once its penalty is chosen. The test part chooses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.errors import UserError
from randquant.probe.blocks import PartScore
from randquant.probe.cut import Groups, Labels, cut
from randquant.probe.logistic import logistic, logistic_path, rotate

Features = NDArray[np.float32] | NDArray[np.float64]
FEW = (1, 5, 20)  # labels a class
NEIGHBOURS = 20
PENALTIES = (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # weight of the squared coefficients against the mean loss
MIDDLE = PENALTIES[3:4]
REVISION = 2  # of what is computed and kept here; what an earlier one has measured is measured anew
_ROWS = 1024  # test samples compared with the training part at a time


@dataclass(frozen=True)
class Score:
    """One number of a probe: `value`, between 0 and 1, of a head trained with `labels` labels a class.

    Args:
        metric: "linear_accuracy" or "knn_accuracy".
        labels: "1", "5", "20" or "all".
        draw: which draw of the few labels; 0 where all are used.
        value: of the whole test part, the share that is named right unless the metric is another.
        part: the same of some of its samples alone, where all labels are used; None elsewhere.
    """

    metric: str
    labels: str
    draw: int
    value: float
    part: PartScore | None = field(default=None, compare=False, repr=False)

    @property
    def head(self) -> str:
        """ "linear" or "knn"."""
        return self.metric.split("_")[0]


def score(
    train: Features,
    train_labels: Labels,
    test: Features,
    test_labels: Labels,
    *,
    seed: int = 0,
    few: Sequence[int] = FEW,
    draws: int = 5,
    penalties: Sequence[float] = PENALTIES,
    groups: Groups | None = None,
) -> list[Score]:
    """Probe features: few labels first, all labels last, both heads each.

    Args:
        train, test: float [N, D], one row a sample.
        train_labels, test_labels: whole numbers [N].
        seed: names the validation part and the draws. Two methods probed with one seed see the same samples.
        few: numbers of labels a class. A class that has fewer (outside the validation part) gives all it has.
        draws: how many times the few labels are drawn.
        penalties: those that the linear head's is chosen among; of one there is no choice.
        groups: of the training samples, [N]; see `cut`.

    Raises:
        UserError: features that are not finite, or labels with which there is nothing to learn.
    """
    for part, features, labels in (("training", train, train_labels), ("test", test, test_labels)):
        check_features(part, features, labels)
    scaled, scaled_test = standardise(train, test)
    pool, held_out = cut(train_labels, seed, groups)
    validation = scaled[held_out], train_labels[held_out]

    scores = []
    for count, draw in [*product(few, range(draws)), (None, 0)]:
        chosen = (
            pool if count is None else draw_few(train_labels, pool, count, np.random.default_rng([seed, count, draw]))
        )
        penalty = choose_penalty(scaled[chosen], train_labels[chosen], *validation, penalties)
        if count is None:  # the penalty is chosen, so the validation part may teach too
            chosen = np.arange(len(train_labels))
        labels = train_labels[chosen]
        head = logistic(scaled[chosen], labels, penalty)
        voted = neighbours(train[chosen], labels, test, k=min(NEIGHBOURS, count or NEIGHBOURS))
        name = "all" if count is None else str(count)
        for metric, named in (("linear_accuracy", head.predict(scaled_test)), ("knn_accuracy", voted)):
            right = named == test_labels
            scores.append(Score(metric, name, draw, _share(right), share_of(right) if count is None else None))
    return scores


def share_of(right: NDArray[np.bool_]) -> PartScore:
    """The accuracy of some samples alone, from what is named right among all, bool [N]."""
    return lambda rows: _share(right[rows])


def neighbours(train: Features, labels: Labels, queries: Features, k: int = NEIGHBOURS) -> Labels:
    """The label that most of the k training samples nearest to each query carry.

    Nearest means the largest cosine similarity; a draw is decided by the larger summed similarity. With few labels
    k is the number of training samples a class, if that is below 20.

    Args:
        train, queries: float [N, D] and [Q, D].
        labels: whole numbers [N].

    Returns:
        labels, one a query: [Q].
    """
    classes, codes = np.unique(labels, return_inverse=True)
    voted = _weighed(train, np.eye(len(classes))[codes], queries, k)
    named: Labels = classes[voted.argmax(axis=1)]
    return named


def nearest_mean(train: Features, targets: NDArray[np.float64], queries: Features, k: int) -> NDArray[np.float64]:
    """The mean target [Q] or [Q, size] of the k training samples nearest to each query by cosine similarity."""
    columns = targets.reshape(len(targets), -1)
    summed = _weighed(train, np.hstack([columns, np.ones((len(columns), 1))]), queries, k)
    return (summed[:, :-1] / summed[:, -1:]).reshape(len(queries), *targets.shape[1:])


def _weighed(train: Features, targets: NDArray[np.float64], queries: Features, k: int) -> NDArray[np.float64]:
    """Targets [N, size] summed over the k nearest training samples of each query: [Q, size].

    A nearer sample weighs a little more. A similarity is at most 1, so all k together add less than half a vote.
    """
    k = min(k, len(train))
    keys = unit(train)
    found = []
    for start in range(0, len(queries), _ROWS):
        similarity = unit(queries[start : start + _ROWS]) @ keys.T  # [rows, N]
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]  # [rows, k]
        weights = 1 + np.take_along_axis(similarity, nearest, axis=1) / (3 * k)
        found.append(np.einsum("rk,rks->rs", weights, targets[nearest]))
    return np.concatenate(found)


def accuracies(train: Features, train_labels: Labels, test: Features, test_labels: Labels) -> tuple[float, float]:
    """A quick look: what neighbours and a linear head name right, with the penalty in the middle of the seven.

    Args:
        train, test: float [N, D], one row a sample.
        train_labels, test_labels: whole numbers [N].

    Raises:
        UserError: features that are not finite, or labels with which there is nothing to learn.
    """
    for part, features, labels in (("training", train, train_labels), ("test", test, test_labels)):
        check_features(part, features, labels)
    scaled, scaled_test = standardise(train, test)
    head = logistic(scaled, train_labels, MIDDLE[0])
    voted = neighbours(train, train_labels, test)
    return _share(voted == test_labels), _share(head.predict(scaled_test) == test_labels)


def check_features(part: str, features: Features, labels: NDArray[Any]) -> None:
    """Refuse what would end in a number that means nothing."""
    if features.ndim != 2 or len(labels) != len(features):
        raise UserError(
            f"features: the {part} part has shape {features.shape} with labels {labels.shape}; "
            "expected one row of features and one label a sample"
        )
    if len(labels) == 0:
        raise UserError(f"labels: the {part} part is empty; a probe needs samples in both parts")
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise UserError(
            f"features: {bad.mean():.1%} of the {part} part's samples hold NaN or infinity (the first is number "
            f"{bad.argmax()}); check the data, or the encoder's training for a loss that broke"
        )
    if part == "training" and (labels == labels[0]).all():
        raise UserError(f"labels: the training part holds one label only ({labels[0]}); a probe needs at least two")


def standardise(train: Features, test: Features) -> tuple[Features, Features]:
    """Mean 0 and spread 1 on the training part, in float64; a feature that never varies there becomes 0."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    mean, spread = train.mean(axis=0), train.std(axis=0)
    varies = spread > 1e-9 * np.abs(mean)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    return (train - mean) * scale, (test - mean) * scale


def draw_few(labels: Labels, pool: Labels, count: int, rng: np.random.Generator) -> Labels:
    """Indices of `count` samples of every class, drawn from the pool without putting back."""
    members = (pool[labels[pool] == value] for value in np.unique(labels))
    return np.concatenate([rng.permutation(indices)[:count] for indices in members])


def choose_penalty(
    features: Features,
    labels: Labels,
    held_out: Features,
    held_out_labels: Labels,
    penalties: Sequence[float] = PENALTIES,
) -> float:
    """The penalty with the highest accuracy on the validation part; of equals, the strongest."""
    if len(penalties) == 1:
        return penalties[0]
    heads = logistic_path(rotate(features), labels, penalties)
    return penalties[int(np.argmax([_share(head.predict(held_out) == held_out_labels) for head in heads]))]


def unit(features: Features) -> Features:
    """Each row of length 1; a row of zeros stays one."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: Features = np.divide(features, length, out=np.zeros_like(features), where=length > 0)
    return unit


def _share(right: Any) -> float:
    return float(np.mean(right))
