"""Values between 0 and 1 in, a PNG as a data URI out."""

from __future__ import annotations

import base64
import io

import matplotlib.image
import numpy as np
from numpy.typing import NDArray


def png(values: NDArray[np.floating]) -> str:
    """One grey picture [H, W], dark where the value is high, as ink on paper; values outside [0, 1] are clipped."""
    return photo(1 - np.repeat(values[..., None], 3, axis=-1))


def photo(values: NDArray[np.floating]) -> str:
    """One picture [H, W, 3] in red, green and blue, bright where values are high; those outside [0, 1] are clipped."""
    buffer = io.BytesIO()
    matplotlib.image.imsave(buffer, np.round(255 * np.clip(values, 0, 1)).astype(np.uint8), format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def sheet(pictures: NDArray[np.floating], across: int) -> NDArray[np.floating]:
    """Pictures [N, H, W] side by side, `across` in a row, on one sheet."""
    count, height, width = pictures.shape
    rows = -(-count // across)
    padded = np.zeros((rows * across, height, width))
    padded[:count] = pictures
    return padded.reshape(rows, across, height, width).swapaxes(1, 2).reshape(rows * height, across * width)
