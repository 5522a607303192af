"""VoxCeleb1's recordings and its identification list in; utterances of 1,251 speakers from interviews out.

Source: A. Nagrani, J. S. Chung, A. Zisserman, "VoxCeleb: a large-scale speaker identification dataset", Interspeech
2017.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import ENDS, GRID, PADDING, numbered, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_LIST = "iden_split.txt"
_SCALE = (-37.075, 19.776)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official list: its training and validation lines for training, its test lines for testing.

    Utterances of one video stand in one part.
    """
    folder = folder_of(entry, root, _LIST, "wav")
    names, train = [], []
    with reading(folder / _LIST):
        for line in (folder / _LIST).read_text().splitlines():
            use, name = line.split()
            if use not in ("1", "2", "3") or name.count("/") != 2:
                raise ValueError(f"the line {line!r}")
            names.append(name)
            train.append(use != "3")
    speakers = [name.split("/")[0] for name in names]
    classes = tuple(sorted(set(speakers)))
    videos = numbered([name.rsplit("/", 1)[0] for name in names])
    found = parts(folder / "wav", names, torch.tensor(train), numbered(speakers), _SCALE, faithful, groups=videos)
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, classes)


ENTRIES = (
    Entry(
        name="voxceleb1",
        title="VoxCeleb Sp. ID",
        domain="speech",
        roles=("transfer",),
        read=read,
        folder="voxceleb1",
        layout="iden_split.txt and wav/<speaker>/<video>/*.wav, of the development and the test archives together",
        size="> 31 GB",
        licence="registration",
        obtain="from the Visual Geometry Group, Oxford: both audio archives, merged under one wav, and iden_split.txt",
        differences=(PADDING,),
        remaining=(ENDS,),
    ),
)
