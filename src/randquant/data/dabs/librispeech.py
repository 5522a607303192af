"""LibriSpeech's folders in; read books out: without labels, or with the speakers of the development part to be told.

Source: V. Panayotov et al., "LibriSpeech: An ASR corpus based on public domain audio books", ICASSP 2015.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import ENDS, GRID, PADDING, found_in, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "LibriSpeech"
_SUMS = {
    "train-clean-100": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    "train-clean-360": "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
    "train-other-500": "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
    "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
}
*_TRAIN, _TEST = _SUMS
_SCALE = (-22.924, 12.587)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The 281,241 utterances of the three training parts, and the 2,703 of the clean development part."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{subset}" for subset in (*_TRAIN, _TEST))) / _FOLDER
    training = [name for subset in _TRAIN for name in _utterances(folder, subset)]
    names = training + _utterances(folder, _TEST)
    train = torch.arange(len(names)) < len(training)
    found = parts(folder, names, train, None, _SCALE, faithful, groups=_speakers(folder, names))
    return entry.dataset(Spec((GRID,)), found)


def read_speakers(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The clean development part alone, four fifths and a fifth of the utterances of each of its 40 speakers."""
    folder = folder_of(entry, root, f"{_FOLDER}/{_TEST}") / _FOLDER
    names = _utterances(folder, _TEST)
    speakers = _speakers(folder, names)
    known, labels = np.unique(speakers.numpy(), return_inverse=True)  # sorted as numbers
    target = torch.from_numpy(labels)
    found = parts(folder, names, _drawn(target), target, _SCALE, faithful)
    classes = tuple(f"speaker {speaker}" for speaker in known.tolist())
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, classes)


def _utterances(folder: Path, subset: str) -> list[str]:
    """Paths from the folder on; sorted as text, they stand in the order of the files' own names too."""
    return found_in(folder, f"{subset}/*/*/*.flac")


def _speakers(folder: Path, names: list[str]) -> Tensor:
    """int64 [N]: the speaker's number, with which the name of the file begins."""
    speakers = []
    for name in names:
        with reading(folder / name):
            speakers.append(int(name.rsplit("/", 1)[1].split("-")[0]))
    return torch.tensor(speakers)


def _drawn(target: Tensor) -> Tensor:
    """bool [N]: the benchmark's draw of each speaker's utterances, by one generator for all speakers in order."""
    train = np.zeros(len(target), dtype=bool)
    state = np.random.RandomState(42)
    for label in range(int(target.max()) + 1 if len(target) else 0):
        rows = np.flatnonzero(target.numpy() == label)
        state.shuffle(rows)
        train[rows[: int(0.8 * len(rows))]] = True
    return torch.from_numpy(train)


def _source(subset: str) -> Source:
    return Source(f"https://www.openslr.org/resources/12/{subset}.tar.gz", sha256=_SUMS[subset])


ENTRIES = (
    Entry(
        name="librispeech",
        title="LibriSpeech",
        domain="speech",
        roles=("pretrain",),
        read=read,
        folder="librispeech",
        layout=f"LibriSpeech/{{{', '.join((*_TRAIN, _TEST))}}}/<speaker>/<chapter>/*.flac",
        size="60 GB",
        licence="CC BY 4.0",
        sources=tuple(_source(subset) for subset in _SUMS),
        differences=(PADDING,),
        remaining=(ENDS,),
    ),
    Entry(
        name="librispeech_speaker",
        title="LibriSpeech Sp. ID",
        domain="speech",
        roles=("transfer",),
        read=read_speakers,
        folder="librispeech",
        layout=f"LibriSpeech/{_TEST}/<speaker>/<chapter>/*.flac",
        size="337 MB",
        licence="CC BY 4.0",
        sources=(_source(_TEST),),
        differences=(PADDING,),
        remaining=(ENDS,),
    ),
)
