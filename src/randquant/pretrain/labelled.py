"""Names, paths and data sets in, the samples with labels that are looked at while an encoder trains out.

Of each set they are some of the training part, and none that the training holds out. Nothing is chosen on a test part,
not even by the eye of who watches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from randquant.data import DATASETS, Dataset, is_path, open_data
from randquant.data.own.samples import digests
from randquant.data.photographs import Photographs, open_photographs
from randquant.errors import UserError
from randquant.probe import labels_of
from randquant.probe.cut import VALIDATION
from randquant.quantize.draw import Draws
from randquant.settings import PretrainSettings
from randquant.spec import Spec

SAMPLES = 2000  # of a set, at most; a look takes about a second


def open_monitors(given: Sequence[Dataset], dataset: Dataset, settings: PretrainSettings) -> list[Dataset]:
    """The labelled sets, each with nothing but what `monitor` looks at.

    Args:
        given: those that are open already; the settings name more.
        dataset: what is trained on. A path is read as it was.
        settings: of the training.

    Raises:
        UserError: one is not there, cannot be tried, or has the name of another.
    """
    opened = [*given, *(open_monitor(word, dataset, settings) for word in settings.monitors)]
    for one in opened:
        if sum(one.name == other.name for other in opened) > 1:
            raise UserError(f"monitors: two are called {one.name}; tell them apart, as in first=PATH second=PATH")
    if not opened:
        return []
    hidden = digests(dataset.parts["test"]) if dataset.own is not None and "test" in dataset.parts else None
    return [looked_at(one, dataset.spec, settings.seed, hidden) for one in opened]


def open_monitor(word: str, dataset: Dataset, settings: PretrainSettings) -> Dataset:
    """A labelled set by its name in the catalogue, by a path, NAME=PATH or NAME=PATH:LABEL.

    Raises:
        UserError: it is not there, has no such labels, or the training's data are no path.
    """
    name, equals, place = word.partition("=")
    if not equals and not is_path(word):
        if word not in DATASETS:
            raise UserError(f"monitors: got {word!r}, must be a data set of the catalogue, or NAME=PATH")
        return open_data(word)
    path, label = _path_and_label(place if equals else word)
    called = name if equals else path
    if isinstance(samples := dataset.parts["train"], Photographs):
        if label:
            raise UserError(f"monitors: got {word!r}, but photographs have their folders as labels; leave :{label} out")
        return replace(open_photographs(path, side=samples.side), name=called)
    if dataset.own is None:
        raise UserError(f"monitors: got {word!r}, but {dataset.name} is no path; name data sets of the catalogue")
    reading = replace(settings.reading, label=label or settings.reading.label)
    how = dataset.own.form.how
    if reading.label and reading.label in (*how.get("inputs", ()), how.get("text")):
        raise UserError(
            f"monitors: the label {reading.label!r} of {path} is an input of the encoder; keep it out of the training "
            f"too, by --label {reading.label}"
        )
    return replace(open_data(path, form=dataset.own.form, **reading.choices()), name=called)


def looked_at(dataset: Dataset, spec: Spec, seed: int, hidden: NDArray[np.uint64] | None = None) -> Dataset:
    """A labelled set with at most `SAMPLES` of its training part, in memory, and nothing else.

    Args:
        dataset: the set.
        spec: of the samples that are trained on.
        seed: names the samples that are looked at.
        hidden: digests of the samples that the training holds out.

    Raises:
        UserError: it has no classes, other inputs than the encoder, or too few samples.
    """
    dataset.check_classes("monitors", spec)
    if "train" not in dataset.parts:
        raise UserError(f"monitors: {dataset.name} has no part named train, which is looked at")
    everything = dataset.parts["train"]
    samples = everything.take(Draws(seed, 0, everything.ids).permutation("monitor")[:SAMPLES])
    if hidden is not None:
        samples = samples.take(torch.from_numpy(np.flatnonzero(~np.isin(digests(samples), hidden))))
    labels = labels_of(samples)
    if len(np.unique(labels)) < 2 or np.bincount(labels).max() < VALIDATION:
        rest = "" if hidden is None else ", without those that are held out"
        raise UserError(f"monitors: {dataset.name} has too few samples{rest}, must have 2 classes, {VALIDATION} of one")
    return replace(dataset, parts={"train": samples})


def _path_and_label(place: str) -> tuple[str, str]:
    """A path, and what follows its last colon; a path that is there is whole."""
    path, colon, label = place.rpartition(":")
    return (path, label) if colon and path and not Path(place).exists() else (place, "")
