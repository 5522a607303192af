"""logistic: scikit-learn's optimum, whatever the shape of the features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from randquant.errors import UserError
from randquant.probe import logistic as file
from randquant.probe.logistic import logistic, logistic_path, rotate
from randquant.probe.score import PENALTIES


def drawn(count: int, size: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features [count, size] that are alike, as neighbouring pixels are, and labels that they hint at."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    common = rng.normal(size=(count, 3)) + rng.normal(size=(classes, 3))[labels]
    features = common @ rng.normal(size=(3, size)) + 0.1 * rng.normal(size=(count, size)) + rng.normal(size=size)
    return features, 5 * labels - 3


@pytest.mark.parametrize(("count", "size"), [(300, 10), (30, 80), (60, 60)])
@pytest.mark.parametrize("classes", [2, 4])
def test_it_is_scikit_learns(count: int, size: int, classes: int) -> None:
    features, labels = drawn(count, size, classes)
    queries, _ = drawn(50, size, classes, seed=1)
    for penalty, head in zip(PENALTIES, logistic_path(rotate(features), labels, PENALTIES), strict=True):
        known = LogisticRegression(C=1 / (penalty * count), tol=1e-10, max_iter=100_000).fit(features, labels)
        expected = known.predict_proba(queries)
        allowed = 2e-3 if penalty > 1e-4 else 2e-2  # where the loss is nearly flat, scikit-learn ends early too
        np.testing.assert_allclose(softmax(head.logits(queries), axis=1), expected, atol=allowed)
        assert (head.predict(queries) == known.predict(queries)).mean() > 0.95


def test_a_path_ends_where_its_parts_do() -> None:
    features, labels = drawn(200, 12, 3)
    *_, last = logistic_path(rotate(features), labels, PENALTIES)
    alone = logistic(features, labels, PENALTIES[-1])
    np.testing.assert_allclose(last.weights, alone.weights, atol=2e-3)
    biases = [head.bias - head.bias.mean() for head in (last, alone)]  # what all have in common decides nothing
    np.testing.assert_allclose(*biases, atol=2e-3)


def test_features_that_never_vary_say_how_frequent_the_classes_are() -> None:
    labels = np.array([0, 0, 0, 1])
    head = logistic(np.full((4, 6), 7.0), labels, 0.1)
    assert softmax(head.logits(np.zeros((1, 6)))[0]) == pytest.approx([0.75, 0.25])
    assert head.predict(np.ones((2, 6))).tolist() == [0, 0]


def test_a_constant_feature_is_given_no_weight() -> None:
    features, labels = drawn(100, 5, 2)
    with_one = np.hstack([features, np.full((100, 1), 3.0)])
    head, plain = logistic(with_one, labels, 0.01), logistic(features, labels, 0.01)
    np.testing.assert_allclose(head.weights[5], 0, atol=1e-9)
    np.testing.assert_allclose(head.weights[:5], plain.weights, atol=1e-6)


def test_what_is_too_wide_to_be_rotated_ends_at_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = drawn(60, 20, 3)
    rotated = logistic(features, labels, 0.01)
    monkeypatch.setattr(file, "_WIDE", 10)
    assert rotate(features).axes is None
    np.testing.assert_allclose(logistic(features, labels, 0.01).weights, rotated.weights, atol=1e-3)


def test_one_label_is_refused() -> None:
    with pytest.raises(UserError, match=r"labels: there is one only \(4\)"):
        logistic(np.ones((3, 2)), np.full(3, 4), 0.1)


def test_a_search_without_an_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_STEPS", 1)
    with pytest.warns(RuntimeWarning, match="has not ended after 1 steps"):
        logistic(*drawn(60, 5, 3), 1e-3)


def test_rotation_keeps_every_distance() -> None:
    for count in (20, 90):
        features, _ = drawn(count, 40, 2)
        rotated = rotate(features)
        assert rotated.axes is not None
        np.testing.assert_allclose(rotated.mean + rotated.places @ rotated.axes, features, atol=1e-6)
        assert rotated.axes.shape[0] <= min(count, 40)
