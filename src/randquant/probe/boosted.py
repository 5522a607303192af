"""Plain features and labels in, what gradient-boosted trees read from them out: the row to beat on tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from randquant.probe.cut import Groups, Labels, cut
from randquant.probe.score import FEW, Features, Score, draw_few

COLUMNS = 1024  # of plain features, above which trees would take minutes


def boosted(
    train: Features,
    labels: Labels,
    test: Features,
    test_labels: Labels,
    *,
    seed: int,
    draws: int,
    few: Sequence[int] = FEW,
    groups: Groups | None = None,
) -> list[Score]:
    """Scores of boosted trees with the same few labels that the other heads of `score` are given, and with all.

    Args:
        train, test: float [N, D].
        labels, test_labels: whole numbers [N].
        seed, draws: as in `score`.
        few: numbers of labels a class.
        groups: of the training samples, [N].
    """
    pool, _ = cut(labels, seed, groups)
    scores = []
    for count, draw in [*product(few, range(draws)), (None, 0)]:
        chosen = np.arange(len(labels))
        if count is not None:
            chosen = draw_few(labels, pool, count, np.random.default_rng([seed, count, draw]))
        leaf = max(1, min(20, len(chosen) // 10))
        trees = HistGradientBoostingClassifier(
            max_iter=100, min_samples_leaf=leaf, early_stopping=False, random_state=0
        )
        named = trees.fit(train[chosen], labels[chosen]).predict(test)
        scores.append(Score("boosted_accuracy", str(count or "all"), draw, float(np.mean(named == test_labels))))
    return scores
