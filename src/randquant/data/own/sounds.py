"""A folder of recordings in, their spectrograms out: 64 pitches by 64 moments, NaN after a recording's end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.mini.spectrogram import GRID, begun, spectrogram, waveform
from randquant.data.own.media import Media, MediaSource
from randquant.data.present import reading as reading_file
from randquant.errors import UnreadableError, UserError
from randquant.libraries import library
from randquant.settings import ReadingSettings

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")
_LONGEST = 10.0  # seconds that are kept, unless --length says more
_HIGHEST = 8000  # Hz
_PERCENT = 95  # of the recordings are kept whole
_ADVICE = "mend it, or take it out of the folder"


@dataclass(frozen=True)
class Recording:
    """Decodes a sound file.

    Args:
        seconds: what is kept of it, from where it first comes near its loudest.
        highest: pitch, in Hz.
    """

    seconds: float
    highest: int

    def __call__(self, path: Path) -> NDArray[Any]:
        """float32 [1, 64, 64] from 0, 80 decibels below the loudest place, to 1.

        Raises:
            UserError: the file is broken or silent, or has too few values a second.
        """
        with reading_file(path, _ADVICE):
            clip, rate = waveform(path.read_bytes())
            if rate < 2 * self.highest:
                raise UserError(
                    f"data: {path} has {rate} values a second, fewer than others: {2 * self.highest} needed"
                )
            if not np.abs(clip).max(initial=0) > 0:
                raise UnreadableError(f"data: {path} is silent; {_ADVICE}", path)
            shares = spectrogram(clip, rate, self.seconds, self.highest)
            moments = GRID.size[1]
            ends = int(np.ceil(len(begun(clip, rate)) / (rate * self.seconds) * moments))
        shares[:, max(1, ends) :] = np.nan
        return shares[None]


def open_sounds(media: Media, reading: ReadingSettings, how: Mapping[str, Any] | None) -> MediaSource:
    """The recordings of a folder.

    Raises:
        UserError: a file is broken or empty.
    """
    if how is not None:
        return MediaSource(media, how, Recording(how["seconds"], how["highest"]))
    soundfile: Any = library("soundfile", "audio", "data")
    seconds, rates = [], []
    for name in media.names:
        path = media.folder / name
        with reading_file(path, _ADVICE):
            info = soundfile.info(str(path))
            if not info.frames:
                raise UnreadableError(f"data: {path} holds no sound; {_ADVICE}", path)
        seconds.append(info.frames / info.samplerate)
        rates.append(int(info.samplerate))
    kept = float(reading.length) or round(min(_LONGEST, float(np.percentile(seconds, _PERCENT))), 2)
    highest = min(_HIGHEST, min(rates) // 2)
    told = {"seconds": kept, "highest": highest, "text": media.text, "ragged": min(seconds) < kept}
    told |= {"channels": GRID.channels, "size": list(GRID.size)}
    source = MediaSource(media, told, Recording(kept, highest))
    why = "as --length says" if reading.length else "at most 10, enough for 95 of 100; --length sets it"
    source.notes.append(
        f"recordings: {len(media.names):,} of {min(seconds):.2f} to {max(seconds):.2f} seconds; {kept:g} seconds kept "
        f"({why}), as spectrograms of 64 pitches up to {highest} Hz by 64 moments"
    )
    if told["ragged"]:
        source.notes.append("length: what lies after the end of a shorter recording is masked")
    source.notes.extend(media.notes("recordings"))
    return source
