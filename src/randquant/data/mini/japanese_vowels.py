"""Two files of Japanese Vowels in; utterances of two vowels as 12 cepstral coefficients over time, by speaker, out.

The task is to tell nine known male speakers apart, in the official parts of 270 and 370 utterances: every speaker
stands in both, since the speaker is the class. It is not about what is said, which is always the same, nor about new
speakers. An utterance has 7 to 29 steps. It is filled up to 30 by repeating its last step, so that the range of a
coefficient, which quantization divides, stays that of the utterance; zeros would widen it.

Source: M. Kudo et al., "Multidimensional Curve Classification Using Passing-Through Regions", Pattern Recognition
Letters 1999.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry, Package
from randquant.data.present import folder_of, reading
from randquant.spec import Grid, Spec, Target

_FOLDER = "aeon/datasets/data/JapaneseVowels"
_FILES = {"train": f"{_FOLDER}/JapaneseVowels_TRAIN.ts", "test": f"{_FOLDER}/JapaneseVowels_TEST.ts"}
_STEPS = 30
_COEFFICIENTS = 12
_SPEAKERS = 9
SPEC = Spec((Grid(channels=_COEFFICIENTS, size=(_STEPS,), patch=(2,)),), Target("class", _SPEAKERS))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Coefficients as they are, float32 [B, 12, 30]; the ids number the training file first, then the test file."""
    folder = folder_of(entry, root, *_FILES.values())
    parts, first = {}, 0
    for part, name in _FILES.items():
        with reading(folder / name):
            utterances = _utterances((folder / name).read_text(encoding="utf-8"))
        values = torch.from_numpy(np.stack([one for one, _ in utterances]))
        ids = torch.arange(first, first + len(utterances))
        parts[part] = Batch(ids, (values,), torch.tensor([speaker for _, speaker in utterances]))
        first += len(utterances)
    return entry.dataset(SPEC, parts, tuple(f"speaker {number}" for number in range(1, _SPEAKERS + 1)))


def _utterances(text: str) -> list[tuple[NDArray[np.float32], int]]:
    """Values [12, 30] and the class of each line after @data: coefficients, then the speaker from 1, between colons."""
    _, mark, lines = text.partition("@data\n")
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        *rows, label = line.split(":")
        values = np.array([[float(value) for value in row.split(",")] for row in rows], dtype=np.float32)
        speaker = int(label)
        if len(values) != _COEFFICIENTS or values.shape[1] > _STEPS or not 1 <= speaker <= _SPEAKERS:
            raise ValueError(
                f"utterance {number} must be {_COEFFICIENTS} coefficients over at most {_STEPS} steps, then a speaker "
                f"from 1 to {_SPEAKERS}"
            )
        found.append((np.pad(values, ((0, 0), (0, _STEPS - values.shape[1])), mode="edge"), speaker - 1))
    if not mark or not found:
        raise ValueError("it must hold utterances after a line @data")
    return found


ENTRIES = (
    Entry(
        name="japanese_vowels",
        title="Japanese Vowels",
        domain="speech",
        roles=("mini",),
        read=read,
        folder="mini/japanese_vowels",
        layout=f"{_FOLDER}/JapaneseVowels_{{TRAIN, TEST}}.ts",
        size="6 MB",
        licence="BSD 3-Clause (package)",
        packages=(
            Package(
                client="pip",
                name="aeon",
                version="1.6.0",
                sha256="d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409",
                members=(f"{_FOLDER}/JapaneseVowels_TRAIN.ts", f"{_FOLDER}/JapaneseVowels_TEST.ts"),
            ),
        ),
        batch=128,
    ),
)
