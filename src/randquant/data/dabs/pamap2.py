"""PAMAP2's recordings in; windows of 3.2 seconds of 52 body-worn sensors out, with what the person was doing.

A window is drawn: a subject and an activity of which that subject has a window, then where it starts. The draw is
keyed by the sample's id, so a sample is the same whenever it is read. The benchmark's eleven activities are kept to;
ironing, which the recordings hold too, is left out.

Source: A. Reiss, D. Stricker, "Introducing a New Benchmarked Dataset for Activity Monitoring", ISWC 2012.
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant import __version__
from randquant.data.batch import Dataset
from randquant.data.entry import Entry
from randquant.data.files import state
from randquant.data.items import Items
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target
from randquant.terminal import tell

GRID = Grid(channels=52, size=(320,), patch=(5,))
SUBJECTS = {"train": (101, 102, 103, 104, 107, 108, 109), "test": (105,)}
DRAWS = {"train": 50_000, "test": 10_000}  # windows of each part
ACTIVITIES = {
    1: "lying",
    2: "sitting",
    3: "standing",
    4: "walking",
    5: "running",
    6: "cycling",
    7: "Nordic walking",
    12: "ascending stairs",
    13: "descending stairs",
    16: "vacuum cleaning",
    24: "rope jumping",
}

_FOLDER = "PAMAP2_Dataset/Protocol"
_COLUMNS = 54  # the time and the activity come before the sensors
_LENGTH = GRID.size[0]
_LARGE = 1 << 26  # bytes of text that take some seconds to read


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """50,000 windows of seven subjects, and 10,000 of another one; subject 106 is not used."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/subject{one}.dat" for part in SUBJECTS.values() for one in part))
    parts, first = {}, 0
    for part, subjects in SUBJECTS.items():
        files = [folder / _FOLDER / f"subject{subject}.dat" for subject in subjects]
        kept = tuple(_kept(file, root / "decoded", faithful) for file in files)
        parts[part] = _windows(files, kept, torch.arange(first, first + DRAWS[part]), faithful, subjects)
        first += DRAWS[part]
    classes = (*ACTIVITIES.values(), "unused 1") if faithful else tuple(ACTIVITIES.values())
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), parts, classes)


def _windows(
    files: list[Path], kept: tuple[Path, ...], ids: Tensor, faithful: bool, subjects: tuple[int, ...]
) -> Items:
    """A window for each id: all pairs of a subject and an activity alike, then all starts of that pair alike."""
    pairs = [
        (place, label, starts)
        for place, path in enumerate(kept)
        for label in range(len(ACTIVITIES))
        if len(starts := _starts(_rows(path, label), glued=faithful))
    ]
    if not pairs:
        raise UserError(f"data: {files[0].parent} holds no {_LENGTH} rows in a row of any activity; fetch it again")
    draws = Draws(0, 0, ids)
    pair = (draws.uniform("pair").double().numpy() * len(pairs)).astype(np.int64)
    counts = np.array([len(starts) for _, _, starts in pairs])
    chosen = (draws.uniform("start").double().numpy() * counts[pair]).astype(np.int64)
    places, labels = (np.array([one[which] for one in pairs])[pair] for which in (0, 1))
    begin = np.zeros(len(ids), dtype=np.int64)
    for number, (_, _, starts) in enumerate(pairs):
        own = pair == number
        begin[own] = starts[chosen[own]]
    groups = torch.tensor(subjects)[torch.from_numpy(places)]
    return Items(ids, Windows(kept, places, labels, begin), torch.from_numpy(labels), groups)


@dataclass(frozen=True)
class Windows:
    """Cuts windows from recordings; the `read` of `Items`.

    Args:
        recordings: files as `_kept` writes them.
        places, labels, starts: int64 [N]: each sample's recording and activity by their numbers from 0 on, and its
            first row among the rows of that activity.
    """

    recordings: tuple[Path, ...]
    places: NDArray[np.int64]
    labels: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path, start = self.recordings[self.places[position]], int(self.starts[position])
        rows = _rows(path, int(self.labels[position]))[start : start + _LENGTH]
        return (torch.from_numpy(_mapped(path)[1:, rows]),)


def _starts(rows: NDArray[np.int64], *, glued: bool) -> NDArray[np.int64]:
    """Where a window may start among the rows of an activity: inside one bout, or anywhere once bouts are glued."""
    if glued:
        return np.arange(max(0, len(rows) - _LENGTH))  # as in the benchmark, not the last one
    return np.flatnonzero(rows[_LENGTH - 1 :] - rows[: max(0, len(rows) - _LENGTH + 1)] == _LENGTH - 1)


@functools.lru_cache(maxsize=512)
def _rows(path: Path, label: int) -> NDArray[np.int64]:
    """The rows of an activity in a recording."""
    return np.flatnonzero(_mapped(path)[0] == list(ACTIVITIES)[label])


@functools.lru_cache(maxsize=64)
def _mapped(path: Path) -> NDArray[np.float32]:
    return np.asarray(np.load(path, mmap_mode="r"))


def _kept(file: Path, folder: Path, faithful: bool) -> Path:
    """A recording without gaps, kept as float32 [1 + 52, rows] for all processes to map: the activity comes first."""
    size, changed = state(file)
    told = f"{__version__} {file} {size} {changed} {faithful}"
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    kept = folder / f"pamap2-{file.stem}-{key}.npy"
    if not kept.exists():
        if size >= _LARGE:
            tell(f"reading {file}, once: {size / 1e6:.0f} MB")
        with reading(file):
            table = np.loadtxt(file, ndmin=2)
            if table.shape[1] != _COLUMNS:
                raise ValueError(f"{table.shape[1]} columns instead of {_COLUMNS}")
            columns = [table[:, 1], *(_filled(column, leading=not faithful) for column in table[:, 2:].T)]
        folder.mkdir(parents=True, exist_ok=True)
        beside = kept.with_name(f"{kept.name}.part{os.getpid()}")  # renamed when whole
        with beside.open("wb") as stream:
            np.save(stream, np.stack(columns).astype(np.float32))
        beside.replace(kept)
    return kept


def _filled(column: NDArray[np.float64], *, leading: bool) -> NDArray[np.float64]:
    """Gaps bridged by straight lines, and filled with the last value at the end, and with the first at the start."""
    known = np.flatnonzero(~np.isnan(column))
    if not len(known):
        raise ValueError("a sensor that never measured")
    filled = np.interp(np.arange(len(column)), known, column[known])
    if not leading:
        filled[: known[0]] = np.nan
    return filled


ENTRIES = (
    Entry(
        name="pamap2",
        title="PAMAP2",
        domain="sensor",
        roles=("pretrain", "transfer"),
        read=read,
        folder="pamap2",
        layout="PAMAP2_Dataset/Protocol/subject{101, 102, 103, 104, 105, 107, 108, 109}.dat",
        size="650 MB",
        licence="CC BY 4.0",
        obtain="from the UCI repository, data set 231; unpack PAMAP2_Dataset.zip, which another archive may hold",
        batch=256,
        differences=(
            "A window lies inside one bout of an activity; the benchmark glues the bouts together first, and cuts "
            "windows across the seams.",
            "Gaps before a sensor's first value are filled with that value; the benchmark leaves them empty.",
            "There are 11 classes; the benchmark declares 12 and uses 11, for ironing is left out, as it is here.",
        ),
        remaining=(
            "Windows are drawn once, by the number of the sample; the benchmark draws others in each epoch, also for "
            "validation. A data set is decoded once, faithful or not.",
        ),
    ),
)
