"""Files of recorded speech in, their spectrograms out as the benchmark takes them: 224 pitches by 224 moments.

A clip keeps the sampling rate of its file. It is cut or filled up with silence to 150,526 values, which makes 224
columns of a mel spectrogram, in decibels, by which the benchmark takes the square of the power.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.files import Files
from randquant.data.items import Items
from randquant.data.present import reading
from randquant.errors import UserError
from randquant.libraries import library
from randquant.quantize.draw import Draws
from randquant.spec import Grid

LENGTH = 150_526
GRID = Grid(channels=1, size=(224, 224), patch=(16, 16))
PADDING = (
    "The rim of a clip is padded with silence, as librosa does since 0.9; the benchmark's librosa mirrored the clip."
)
ENDS = (
    "Of a training clip that is too long, the beginning or the end is kept, as drawn once for each clip; the benchmark "
    "draws anew at each look. A clip is decoded once, faithful or not."
)

_WINDOW, _HOP = 2048, 672
_RANGE = 80.0  # decibels that are kept below the loudest place of a clip
_FLOOR = 1e-10
_STREAMED = 0x7FFFFFFF  # sizes from here on are written where the length is not known yet


@dataclass(frozen=True)
class Clips:
    """Reads sound files; the `read` of `Items`.

    Args:
        paths: one a sample.
        mean, deviation: of the data set's spectrograms; each is shifted and scaled by them.
        ends: bool [N], whether the end of a long clip is kept, not its beginning; None: of no clip.
        rim: how half a window before a clip and after it is filled: with silence or with the clip's mirror image.
    """

    paths: Sequence[Path] | Files
    mean: float
    deviation: float
    ends: NDArray[np.bool_] | None = None
    rim: Literal["constant", "reflect"] = "constant"

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.paths[position]
        with reading(path):
            clip, rate = waveform(path, end=self.ends is not None and bool(self.ends[position]))
        scaled = (decibels(clip, rate, self.rim) - self.mean) / self.deviation
        return (torch.from_numpy(scaled.astype(np.float32))[None],)


def waveform(path: Path, *, end: bool = False) -> tuple[NDArray[np.float32], int]:
    """The first channel from -1 to 1, cut or filled up to `LENGTH` values, and how many of them make a second.

    Args:
        path: of a file in any format that libsndfile reads.
        end: whether to keep the end of what is too long, not its beginning.

    Raises:
        ValueError: the file is shorter than its head says.
    """
    soundfile: Any = library("soundfile", "audio", "data")
    _check_whole(path)
    clip = np.zeros(LENGTH, dtype=np.float32)
    with soundfile.SoundFile(path) as file:
        count = min(file.frames, LENGTH)
        file.seek(file.frames - count if end else 0)
        values = file.read(count, dtype="float32", always_2d=True)
        if len(values) < count:
            raise ValueError(f"holds {len(values)} values of {count}")
        clip[:count] = values[:, 0]
        return clip, int(file.samplerate)


def _check_whole(path: Path) -> None:
    """Refuse a wav file that was cut off: libsndfile would take what is left for all of it."""
    with path.open("rb") as file:
        head = file.read(8)
    stated, held = int.from_bytes(head[4:], "little") + 8, path.stat().st_size
    if head[:4] == b"RIFF" and held + 1 < stated < _STREAMED:  # 1, because some writers leave the last pad byte out
        raise ValueError(f"holds {held} bytes of {stated}")


def decibels(clip: NDArray[np.float32], rate: int, rim: Literal["constant", "reflect"] = "constant") -> NDArray[Any]:
    """float32 [224, 224]: the square of the mel spectrogram's power, low pitches first, at most 80 below the peak.

    Args:
        clip: float32 [LENGTH].
        rate: its values in a second.
        rim: as in `Clips`.
    """
    librosa: Any = library("librosa", "audio", "data")
    waves = librosa.stft(clip, n_fft=_WINDOW, hop_length=_HOP, pad_mode=rim)
    power = _filters(rate) @ np.abs(waves) ** 2
    return np.asarray(librosa.power_to_db(power**2, ref=1.0, amin=_FLOOR, top_db=_RANGE))


@functools.lru_cache(maxsize=8)
def _filters(rate: int) -> NDArray[np.float32]:
    """float32 [224, 1 + window / 2]: what each pitch takes of each frequency."""
    librosa: Any = library("librosa", "audio", "data")
    return np.asarray(librosa.filters.mel(sr=rate, n_fft=_WINDOW, n_mels=GRID.size[0]))


def parts(
    folder: Path,
    names: Sequence[str],
    train: Tensor,
    target: Tensor | None,
    scale: tuple[float, float],
    faithful: bool,
    groups: Tensor | None = None,
) -> dict[str, Items]:
    """The parts "train" and "test" of clips that are numbered in the order given.

    Args:
        folder: that the clips stand in.
        names: the path of each from there on; one that stands here twice is two samples.
        train: bool [N], whether it is for training; the others are for testing.
        target, groups: as `Items` has them, of all N.
        scale: mean and deviation of the data set's spectrograms.
        faithful: whether the rim of a clip is its mirror image.

    Raises:
        UserError: one of the two would be empty.
    """
    if bool(train.all()) or not bool(train.any()):
        raise UserError(f"data: {folder} must hold clips for training and for testing, but lacks one of them")
    files = np.array([os.fsencode(name) for name in names])
    found = {}
    for part, chosen in (("train", train), ("test", ~train)):
        ids = chosen.nonzero().squeeze(1)
        ends = (Draws(0, 0, ids).uniform("end") < 0.5).numpy() if part == "train" else None
        reader = Clips(Files(folder, files[ids.numpy()]), *scale, ends, "reflect" if faithful else "constant")
        own_target, own_groups = (None if one is None else one[ids] for one in (target, groups))
        found[part] = Items(ids, reader, own_target, own_groups)
    return found


def found_in(folder: Path, pattern: str) -> list[str]:
    """Paths of clips from the folder on, sorted as text."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.glob(pattern))


def numbered(names: Sequence[str]) -> Tensor:
    """int64 [N]: equal names get equal numbers, from 0 on, in the order of the sorted names."""
    return torch.from_numpy(np.unique(np.array(names), return_inverse=True)[1])
