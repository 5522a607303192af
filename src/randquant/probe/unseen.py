"""A run and a labelled path in, how its samples are split for a probe out: those that the encoder has not seen lead.

Which samples were trained on is known from the digests that the run keeps, whatever file they stand in now. Where some
were held out of a file, they are the test part, and the rest teaches. Where all were, but a fine-tuning has not learnt
the labels of some, these are. Where none were trained on, or all, each fifth is tested by heads that the others have
taught. Samples of one group never stand on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from randquant.data import Batch, Dataset, Samples, open_data
from randquant.data.own.samples import digests
from randquant.errors import UserError
from randquant.run import Run, open_for
from randquant.settings import ReadingSettings

SEEN = "inputs seen in pretraining"
TAUGHT = "labels seen in fine-tuning"
FOLDS = 5
FEWEST = 10  # samples of a test part

Places = NDArray[np.int64]


class Splits(NamedTuple):
    """A labelled path, cut for a probe.

    Attributes:
        datasets: each with the parts "train" and "test"; several where each sample is tested once.
        note: what was done and why, in a line.
    """

    datasets: tuple[Dataset, ...]
    note: str


def split_path(run: Run | None, path: str, reading: ReadingSettings, seed: int) -> Splits:
    """Cut a labelled path.

    Args:
        run: whose encoder is to be probed; None for a path that is read by itself.
        path: a file or a folder.
        reading: its labels and groups; where they are not named, those of the run's own path.
        seed: names the folds.

    Raises:
        UserError: it cannot be read as the run's own was, has no labels, or too few samples.
    """
    dataset = open_data(path, **reading.choices()) if run is None else open_for(run, path, reading)
    photographs = run is not None and dataset.own is None
    if photographs and "test" in dataset.parts:
        return Splits((dataset,), f"{path}: heads learn from its part train and are tested on the other")
    if dataset.spec.target is None:
        raise UserError(f"label: {path} has no labels yet; name their column, such as --label class")
    if dataset.own is not None and dataset.own.reading.label:  # other labels are another task
        dataset = replace(dataset, name=f"{dataset.name}, label {dataset.own.reading.label}")
    samples = dataset.parts["train"]
    count = len(samples.ids)
    if count < 2 * FEWEST:
        raise UserError(f"label: {path} has {count} labelled samples, needs {2 * FEWEST} to be probed")
    seen, learnt = _known(run, samples, path, photographs=photographs)
    groups = None if samples.groups is None else samples.groups.numpy()
    whole = "" if groups is None else ", no group on both sides"
    for known, name, which in (
        (seen, dataset.name, "the encoder has not seen"),
        (learnt, f"{dataset.name} ({SEEN})", "no fine-tuning has learnt the labels of"),
    ):
        tested = np.flatnonzero(~known)
        if FEWEST <= len(tested) < count - FEWEST:
            taught = np.flatnonzero(known if groups is None else known & ~np.isin(groups, groups[tested]))
            note = (
                f"{path}: tested on the {len(tested):,} samples that {which}; heads learn from "
                f"{len(taught):,} others{whole}"
            )
            return Splits((_cut(replace(dataset, name=name), taught, tested),), note)
    told = TAUGHT if learnt.any() else SEEN if seen.any() else ""
    name = f"{dataset.name} ({told})" if told else dataset.name
    cuts = tuple(_cut(replace(dataset, name=name), *one) for one in _folds(dataset, groups, seed))
    have = told or ("the encoder has seen none of them" if run else "no encoder has been trained on them")
    return Splits(
        cuts,
        f"{path}: {count:,} samples, each tested by heads that {len(cuts) - 1} of {len(cuts)} parts have "
        f"taught{whole}; {have}",
    )


def _known(
    run: Run | None, samples: Samples, path: str, *, photographs: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which samples were trained on, and of which a fine-tuning has learnt the labels.

    Of photographs a pretraining keeps no digests: all of its own path were trained on.
    """
    none = np.zeros(len(samples.ids), bool)
    if run is None:
        return none, none
    seen, learnt = run.seen(), run.taught()
    if seen is None and not photographs:
        raise UserError(
            f"run: {run.path} has not been trained to its end, so what it has seen is not known; use --resume"
        )
    found = digests(samples) if seen is not None or learnt is not None else none
    taught = none if learnt is None else np.isin(found, learnt)
    same = photographs and Path(run.config["settings"]["data"]).resolve() == Path(path).resolve()
    return (none | same | taught if seen is None else np.isin(found, seen)), taught


def _folds(dataset: Dataset, groups: NDArray[Any] | None, seed: int) -> Iterator[tuple[Places, Places]]:
    """Rows that teach and rows that are tested, so that each is tested once; classes are spread evenly."""
    target = dataset.parts["train"].target
    assert target is not None
    assert dataset.spec.target is not None
    labels, classed = target.numpy(), dataset.spec.target.kind == "class"
    most = int(np.bincount(labels).max()) if classed else len(labels)
    folds = min(FOLDS, most, FOLDS if groups is None else len(np.unique(groups)))
    if most < 2:
        raise UserError("label: no class has two samples, so none that is tested has been taught; is it an id?")
    if folds < 2:
        raise UserError("group: all labelled samples are of one group, so none is left to be tested")
    if groups is None:
        splitter: Any = StratifiedKFold if classed else KFold
    else:
        splitter = StratifiedGroupKFold if classed else GroupKFold
    shuffled = {} if splitter is GroupKFold else {"shuffle": True, "random_state": seed}
    yield from splitter(folds, **shuffled).split(np.zeros((len(labels), 1)), labels, groups)


def _cut(dataset: Dataset, taught: Places, tested: Places) -> Dataset:
    samples = dataset.parts["train"]
    parts = {"train": _some(samples, taught), "test": _some(samples, tested)}
    return replace(dataset, parts=parts)


def _some(samples: Samples, rows: Places) -> Samples:
    """Some of the samples, in memory or where they are."""
    places = torch.from_numpy(np.ascontiguousarray(rows, np.int64))
    if isinstance(samples, Batch):
        return samples.take(places)
    target, groups = (None if one is None else one[places] for one in (samples.target, samples.groups))
    return replace(samples, ids=samples.ids[places], target=target, groups=groups)  # type: ignore[type-var]
