"""Files of short recordings in, their spectrograms out: 64 pitches up to 4 kHz by 64 moments, from 0 to 1.

A clip begins where it first comes within 30 decibels of its loudest, keeps the sampling rate of its file, and is cut or
filled up with silence. Each spectrogram is in decibels below its own loudest place, so that loudness tells nothing.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant.data.present import reading
from randquant.libraries import library
from randquant.spec import Grid

GRID = Grid(channels=1, size=(64, 64), patch=(8, 8))
HIGHEST = 4000  # the highest pitch, in Hz: recordings of 8,000 values a second hold no more

_PITCHES, _MOMENTS = GRID.size
_RANGE = 80.0  # decibels that are kept below the loudest place
_QUIET = 30.0  # decibels below the loudest moment, from where on a clip begins


@dataclass(frozen=True)
class Clips:
    """Reads sound files; the `read` of `Items`.

    Args:
        paths: one a sample.
        seconds: what is kept of each, from its beginning on.
    """

    paths: Sequence[Path]
    seconds: float

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.paths[position]
        with reading(path):
            clip, rate = waveform(path.read_bytes())
            shares = spectrogram(clip, rate, self.seconds)
        return (torch.from_numpy(np.rint(shares * 255).astype(np.uint8))[None],)


def waveform(content: bytes) -> tuple[NDArray[np.float32], int]:
    """The mean of the channels from -1 to 1, and how many values of it make a second.

    Args:
        content: of a wav or Ogg file.

    Raises:
        ValueError: the file was cut off.
    """
    soundfile: Any = library("soundfile", "audio", "data")
    check_whole(content)
    values, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    return values.mean(axis=1), int(rate)  # of some clips one channel is silent


def check_whole(content: bytes) -> None:
    """Refuse a wav or Ogg file that was cut off: libsndfile would take what is left for all of it.

    Raises:
        ValueError: it ends before the length in its head, or its last page is missing.
    """
    if content[:4] == b"RIFF":
        stated = int.from_bytes(content[4:8], "little") + 8
        if stated > len(content) + 1:  # 1: some leave the last pad out
            raise ValueError(f"holds {len(content)} bytes of {stated}")
    elif content[:4] == b"OggS":
        page = content[content.rfind(b"OggS") :]  # 27 bytes, as many sizes as the last of them says, what they size
        sizes = page[27 : 27 + page[26]] if len(page) > 27 else b""
        if not sizes or not page[5] & 4 or len(page) < 27 + page[26] + sum(sizes):  # 4 marks the end of the recording
            raise ValueError("its last page is missing, or a part of it")


def spectrogram(clip: NDArray[np.float32], rate: int, seconds: float, highest: int = HIGHEST) -> NDArray[np.float32]:
    """float32 [64, 64] from 0, which is 80 decibels below the loudest place, to 1; low pitches first.

    Args:
        clip: values from -1 to 1, at `rate` values a second.
        rate: at least twice the highest pitch.
        seconds: what is kept.
        highest: pitch, in Hz.
    """
    librosa: Any = library("librosa", "audio", "data")
    hop = round(rate * seconds / _MOMENTS)
    window = _window(rate)
    kept = np.zeros(hop * (_MOMENTS - 1) + 1, dtype=np.float32)  # a window stands on its first value, and on its last
    heard = begun(clip, rate)[: len(kept)]
    kept[: len(heard)] = heard
    power = _filters(rate, window, highest) @ np.abs(librosa.stft(kept, n_fft=window, hop_length=hop)) ** 2
    decibels = librosa.power_to_db(power, ref=np.max, top_db=_RANGE)  # from -80 to 0
    return np.asarray(np.clip(decibels / _RANGE + 1, 0, 1), dtype=np.float32)


def begun(clip: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """A clip from where it first comes near its loudest."""
    librosa: Any = library("librosa", "audio", "data")
    window = _window(rate)
    _, (start, _) = librosa.effects.trim(clip, top_db=_QUIET, frame_length=window, hop_length=window // 4)
    return clip[start:]


def _window(rate: int) -> int:
    """512 values of 8,000 a second and 2048 of 44,100: 46 to 64 milliseconds."""
    return 1 << (rate // 24).bit_length()


@functools.lru_cache(maxsize=8)
def _filters(rate: int, window: int, highest: int) -> NDArray[np.float32]:
    """float32 [64, 1 + window / 2]: what each pitch takes of each frequency."""
    librosa: Any = library("librosa", "audio", "data")
    return np.asarray(librosa.filters.mel(sr=rate, n_fft=window, n_mels=_PITCHES, fmax=highest))
