"""Features and classes in, logistic regressions close to their optimum out: one a penalty, from strong to weak.

The optimum is the one that scikit-learn's `LogisticRegression` has, which takes thousands of steps to it where features
are as alike as neighbouring pixels are. So they are rotated to their principal axes first, of which there are fewer
than samples, each coefficient is measured by the loss's curvature along it, and a weak penalty's weights are looked for
from those of a stronger one; none of these moves the optimum.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from randquant.errors import UserError
from randquant.probe.cut import Labels

Array = NDArray[np.float64]
_GRADIENT = 3e-6  # largest entry at which a search ends, in the units of the curvature where it began
_STRONG = 10.0  # where the way to a single penalty begins
_WIDE = 8192  # samples and features; where both are more, rotating would take longer than it spares
_ROWS = 4096  # samples whose squares are in memory at a time
_STEPS = 100_000
_FLAT = 1e-7  # an axis along which features vary by less than this share of the first is left out


@dataclass(frozen=True)
class Logistic:
    """Classes [K], and of each the weights of the features, [D, K], and what is added to them, [K]."""

    classes: Labels
    weights: Array
    bias: Array

    def logits(self, features: NDArray[np.floating]) -> Array:
        """Features [N, D] to numbers [N, K]; the softmax of a row is the probability of each class."""
        found: Array = features @ self.weights + self.bias
        return found

    def predict(self, features: NDArray[np.floating]) -> Labels:
        """Features [N, D] to the likeliest class of each, [N]."""
        named: Labels = self.classes[self.logits(features).argmax(axis=1)]
        return named


@dataclass(frozen=True)
class Rotated:
    """Features on their principal axes: their mean [D], the axes [R, D], and each sample's place on them, [N, R].

    Without axes they are only centred, and R is D.
    """

    mean: Array
    axes: Array | None
    places: Array


def rotate(features: NDArray[np.floating]) -> Rotated:
    """Features [N, D] to what `logistic_path` trains on; of some features it is needed once."""
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    if min(centred.shape) > _WIDE:
        return Rotated(mean, None, centred)
    few = len(centred) < centred.shape[1]
    squares, vectors = np.linalg.eigh(centred @ centred.T if few else centred.T @ centred)
    vary = squares > squares[-1] * _FLAT**2 if squares[-1] > 0 else np.zeros(len(squares), dtype=bool)
    squares, vectors = squares[vary], vectors[:, vary]
    if few:
        return Rotated(mean, (vectors / np.sqrt(squares)).T @ centred, vectors * np.sqrt(squares))
    return Rotated(mean, vectors.T, centred @ vectors)


def logistic(features: NDArray[np.floating], labels: Labels, penalty: float) -> Logistic:
    """The regression with one penalty; arguments as below."""
    stronger = range(math.floor(math.log10(_STRONG / penalty)), 0, -1)
    *_, last = logistic_path(rotate(features), labels, [*(penalty * 10**times for times in stronger), penalty])
    return last


def logistic_path(rotated: Rotated, labels: Labels, penalties: Sequence[float]) -> Iterator[Logistic]:
    """A regression for each penalty, each found from the one before.

    Args:
        rotated: of features [N, D].
        labels: whole numbers [N].
        penalties: weigh half the squared weights against the mean loss. Of two classes it is the weights of their
            difference that are weighed, as in scikit-learn.

    Raises:
        UserError: all labels are the same.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UserError(f"labels: there is one only ({classes[0]}); a probe needs at least two")
    places, told = rotated.places, np.eye(len(classes))[codes]
    weights, bias = np.zeros((places.shape[1], len(classes))), np.log(told.mean(axis=0))
    for penalty in penalties:
        weighed = penalty if len(classes) > 2 else 2 * penalty  # the two have half the difference each
        for _ in range(2):  # the curvature at the end is another than at the start
            weights, bias = _searched(places, told, weighed, weights, bias)
        turned = weights if rotated.axes is None else rotated.axes.T @ weights
        yield Logistic(classes, turned, bias - rotated.mean @ turned)


def _searched(places: Array, told: Array, penalty: float, weights: Array, bias: Array) -> tuple[Array, Array]:
    """Weights [R, K] and bias [K] of the smallest loss, from those given on.

    Args:
        places: of the samples on R axes, [N, R].
        told: 1 for the class of each sample and 0 elsewhere, [N, K].
        penalty: weighs half the squared weights.
    """
    count, axes = places.shape
    likely = softmax(places @ weights + bias, axis=1)
    unsure = likely * (1 - likely) / count
    parts = (slice(start, start + _ROWS) for start in range(0, count, _ROWS))
    curved = sum((np.square(places[rows]).T @ unsure[rows] for rows in parts), np.zeros_like(weights))  # [R, K]
    unit = 1 / np.sqrt(np.vstack([curved + penalty, unsure.sum(axis=0) + 1e-6]))

    def loss(flat: Array) -> tuple[float, Array]:
        """The loss at weights and bias in units of the curvature, and its gradient."""
        some = flat.reshape(unit.shape) * unit
        said = log_softmax(places @ some[:-1] + some[-1], axis=1)
        missed = (np.exp(said) - told) / count
        slope = np.vstack([places.T @ missed + penalty * some[:-1], missed.sum(axis=0)])
        return float(penalty / 2 * (some[:-1] ** 2).sum() - (said * told).sum() / count), (slope * unit).ravel()

    start = (np.vstack([weights, bias]) / unit).ravel()
    ends = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": _GRADIENT, "ftol": 0.0, "maxiter": _STEPS, "maxfun": 2 * _STEPS},
    )
    if ends.nit >= _STEPS:
        warnings.warn(f"the probe's regression has not ended after {_STEPS:,} steps", RuntimeWarning, stacklevel=2)
    found = ends.x.reshape(unit.shape) * unit
    return found[:axes], found[axes]
