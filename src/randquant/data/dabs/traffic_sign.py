"""The folders of the German Traffic Sign Recognition Benchmark in; photographs of 43 kinds of signs out.

Its files are frames of tracks: a car drives up to one sign and photographs it about 30 times. They are named
<track>_<frame>.ppm, and tracks are numbered anew in each class.

Source: J. Stallkamp et al., "Man vs. computer", Neural Networks 2012.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import GRID, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.quantize.draw import Draws
from randquant.spec import Spec, Target

_FOLDER = "GTSRB/Final_Training/Images"
_TRACKS = 100_000  # more than five digits can number
# fmt: off
_WORDS = (
    "20 km/h", "30 km/h", "50 km/h", "60 km/h", "70 km/h", "80 km/h", "end of 80 km/h", "100 km/h", "120 km/h",
    "no passing", "no passing over 3.5 t", "right of way at crossing", "priority road", "yield", "stop", "no vehicles",
    "no vehicles over 3.5 t", "no entry", "caution", "bend to the left", "bend to the right", "double bend",
    "bumpy road", "slippery road", "narrow on the right", "road works", "traffic lights", "pedestrians", "children",
    "bicycles", "ice or snow", "wild animals", "end of all limits", "turn right", "turn left", "straight on",
    "straight on or right", "straight on or left", "keep right", "keep left", "roundabout", "end of no passing",
    "end of no passing over 3.5 t",
)
# fmt: on


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The archive of 39,209 training photographs, cut into four fifths and a fifth of each kind of sign."""
    kinds = [f"{label:05d}" for label in range(len(_WORDS))]
    folder = folder_of(entry, root, *(f"{_FOLDER}/{kind}" for kind in kinds)) / _FOLDER
    names = [
        f"{kind}/{file}" for kind in kinds for file in sorted(one.name for one in folder.joinpath(kind).glob("*.ppm"))
    ]
    labels, tracks = [], []
    for name in names:
        with reading(folder / name):
            label, track = int(name[:5]), int(name[6:].split("_")[0])
            labels.append(label)
            tracks.append(label * _TRACKS + track)
    target, groups = torch.tensor(labels), torch.tensor(tracks)
    train = _of_frames(target) if faithful else _of_tracks(groups)
    return entry.dataset(
        Spec((GRID,), Target("class", len(_WORDS))), parts(folder, names, train, target, groups), _WORDS
    )


def _of_tracks(groups: Tensor) -> Tensor:
    """bool [N]: whether a frame's track is among the four fifths of the tracks of its kind that are drawn."""
    tracks = torch.from_numpy(np.unique(groups.numpy()))
    drawn = tracks[Draws(0, 0, tracks).permutation("parts")]
    train = torch.zeros_like(groups, dtype=torch.bool)
    for label in range(len(_WORDS)):
        own = drawn[drawn // _TRACKS == label]
        train |= torch.isin(groups, own[: int(0.8 * len(own))])
    return train


def _of_frames(target: Tensor) -> Tensor:
    """bool [N]: the benchmark's draw of single frames, from sorted names."""
    train = np.zeros(len(target), dtype=bool)
    state = np.random.RandomState(42)  # one for all kinds, in their order
    for label in range(len(_WORDS)):
        rows = np.flatnonzero(target.numpy() == label)
        state.shuffle(rows)
        train[rows[: int(0.8 * len(rows))]] = True
    return torch.from_numpy(train)


ENTRIES = (
    Entry(
        name="traffic_sign",
        title="GTSRB (Traffic)",
        domain="images",
        roles=("transfer",),
        read=read,
        folder="traffic_sign",
        layout="GTSRB/Final_Training/Images/{00000 … 00042}/<track>_<frame>.ppm",
        size="263 MB",
        licence="free",
        sources=(
            Source(
                "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/GTSRB_Final_Training_Images.zip",
                md5="f33fd80ac59bff73c82d25ab499e03a3",
            ),
        ),
        differences=(
            "Tracks are divided between the parts, four fifths and a fifth of those of each kind of sign; the "
            "benchmark divides single frames, so that photographs of one physical sign stand in both parts.",
            "The benchmark's draw starts from the directory's own order of files, which cannot be repeated; where it "
            "is kept, it starts from sorted names.",
        ),
    ),
)
