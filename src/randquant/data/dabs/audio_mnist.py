"""AudioMNIST's folders in; spoken digits of 60 speakers out, who are divided between the parts.

Source: S. Becker et al., "AudioMNIST: Exploring Explainable Artificial Intelligence for audio analysis on a simple
benchmark", Journal of the Franklin Institute 2024.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import ENDS, GRID, PADDING, found_in, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "AudioMNIST/data"
_TEST = (5, 13, 18, 22, 26, 32, 33, 42, 45, 51, 52, 60)  # speakers
_SCALE = (-90.293, 11.799)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """24,000 clips of 48 speakers, and 6,000 of 12 others."""
    folder = folder_of(entry, root, _FOLDER) / _FOLDER
    names = found_in(folder, "*/*_*_*.wav")
    digits, speakers = [], []
    for name in names:
        with reading(folder / name):  # named by digit, speaker and repetition
            digit, speaker, _ = name.split("/")[1].split("_")
            digits.append("0123456789".index(digit))
            speakers.append(int(speaker))
    groups = torch.tensor(speakers)
    train = ~torch.isin(groups, torch.tensor(_TEST))
    found = parts(folder, names, train, torch.tensor(digits), _SCALE, faithful, groups)
    return entry.dataset(Spec((GRID,), Target("class", 10)), found, tuple("0123456789"))


ENTRIES = (
    Entry(
        name="audio_mnist",
        title="AudioMNIST",
        domain="speech",
        roles=("transfer",),
        read=read,
        folder="audio_mnist",
        layout="AudioMNIST/data/{01 … 60}/<digit>_<speaker>_<repetition>.wav",
        size="1 GB",
        licence="MIT",
        obtain="by git clone of github.com/soerenab/AudioMNIST in this folder",
        differences=(PADDING,),
        remaining=(ENDS,),
    ),
)
