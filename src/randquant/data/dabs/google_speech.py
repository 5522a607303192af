"""Google's Speech Commands, version 0.02, in; 35 spoken words out, whose speakers are divided between the parts.

Source: P. Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv:1804.03209, 2018.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import ENDS, GRID, PADDING, found_in, numbered, parts
from randquant.data.entry import Entry, Source
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.spec import Spec, Target

_NOISE = "_background_noise_"
_VALIDATION, _TEST = "validation_list.txt", "testing_list.txt"
_SCALE = (-46.847, 19.151)
# fmt: off
_WORDS = (
    "eight", "right", "happy", "three", "yes", "up", "no", "stop", "on", "four", "nine", "zero", "down", "go", "six",
    "two", "left", "five", "off", "seven", "one", "cat", "bird", "marvin", "wow", "tree", "dog", "sheila", "bed",
    "house", "follow", "visual", "backward", "forward", "learn",
)
# fmt: on


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official test list for testing, and all other clips for training: 94,824 and 11,005.

    In the benchmark 115,816 clips are for training: every one, then those of the validation list again.
    """
    folder = folder_of(entry, root, _VALIDATION, _TEST)
    classes = (*_WORDS, _NOISE) if faithful else _WORDS
    places = {word: place for place, word in enumerate(classes)}
    names = [name for name in found_in(folder, "*/*.wav") if name.split("/")[0] in places]
    testing, known = _listed(folder / _TEST), set(names)
    if faithful:
        training = names + _listed(folder / _VALIDATION)
        names = training + testing
        train = torch.arange(len(names)) < len(training)
    else:
        absent = [name for name in testing if name not in known]
        if absent:
            raise UserError(f"data: {folder / absent[0]}, which {_TEST} names, is not there; unpack the archive again")
        held_out = set(testing)
        train = torch.tensor([name not in held_out for name in names])
    with reading(folder / _TEST):
        target = torch.tensor([places[name.split("/")[0]] for name in names])
    speakers = numbered([name.split("/")[1].split("_")[0] for name in names])
    found = parts(folder, names, train, target, _SCALE, faithful, groups=speakers)
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, classes)


def _listed(file: Path) -> list[str]:
    with reading(file):
        return file.read_text().split()


ENTRIES = (
    Entry(
        name="google_speech",
        title="Google Speech",
        domain="speech",
        roles=("transfer",),
        read=read,
        folder="google_speech",
        layout="validation_list.txt, testing_list.txt and <word>/<speaker>_nohash_<number>.wav",
        size="2.3 GB",
        licence="CC BY 4.0",
        sources=(
            Source(
                "https://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
                sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
            ),
        ),
        differences=(
            "Clips of the official test list are for testing only, and each clip stands once; in the benchmark all of "
            "them are for training too, and those of the validation list twice, because a line end is not cut off.",
            "There are 35 classes, the words; the benchmark trains on six recordings of background noise as a 36th.",
            PADDING,
        ),
        remaining=(ENDS,),
    ),
)
