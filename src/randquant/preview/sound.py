"""The values of a sound in, a WAV file as a data URI out."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
from numpy.typing import NDArray


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
