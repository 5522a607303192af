"""The values of a sound, or a spectrogram, in; a WAV file as a data URI out."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
from numpy.typing import NDArray

_DECIBELS = 80.0  # what a spectrogram's values from 0 to 1 reach over
_LEAST = 8000  # values a second


def sines(loudness: NDArray[np.floating], seconds: float, highest: int) -> str:
    """A spectrogram [pitches, moments] as a sum of sines, one a pitch: what it holds can be heard, if roughly.

    Args:
        loudness: from 0, 80 decibels below the loudest, to 1; rows go up in equal steps of the mel scale. NaN is
            silence.
        seconds: how long it lasts.
        highest: the highest pitch, in Hz.
    """
    rate = max(_LEAST, round(2.5 * highest))
    times = np.arange(round(seconds * rate)) / rate
    pitches, moments = loudness.shape
    centres = (np.arange(moments) + 0.5) * seconds / moments
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (pitches,))
    audible = np.nan_to_num(loudness, nan=-np.inf)
    strength: NDArray[np.float64] = np.power(10.0, _DECIBELS / 20 * (audible - 1))
    sound = np.zeros(len(times))
    for row, pitch in enumerate(mel_pitches(pitches, highest)):
        sound += np.interp(times, centres, strength[row]) * np.sin(2 * np.pi * pitch * times + phases[row])
    return playable(sound, rate, loudest=float(np.abs(sound).max(initial=0)))


def mel_pitches(count: int, highest: int) -> NDArray[np.float64]:
    """The pitches in Hz that rows of a spectrogram stand for: equal steps of Slaney's mel scale, as librosa has it.

    The scale is linear up to 1,000 Hz, its 15; above, 27 steps are a factor of 6.4.
    """
    top = highest * 3 / 200 if highest < 1000 else 15 + 27 * np.log(highest / 1000) / np.log(6.4)
    mels = np.linspace(0, top, count + 2)[1:-1]
    return np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))


def playable(values: NDArray[np.floating], rate: int, *, loudest: float) -> str:
    """One channel [N] at `rate` values a second, in 16 bits; `loudest` is what full loudness stands for."""
    shares = np.nan_to_num(values.astype(float) / (loudest or 1.0), nan=0.0, posinf=1.0, neginf=-1.0)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(32767 * np.clip(shares, -1, 1)).astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(buffer.getvalue()).decode()
