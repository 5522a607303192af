"""A maps.json in, a flat map of each method's features out, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from randquant.report.pictures import png, sheet
from randquant.report.runs import one_object

SIDE, _EDGE = 400, 10  # of a map, in its own units
ACROSS = 30  # samples in a row of the sheet


@dataclass(frozen=True)
class Maps:
    """Where every test sample lies under each method.

    Args:
        labels: class number of each sample.
        classes: the word for each class.
        sheet: all samples on one sheet, a PNG as a data URI; None where they are not pictures.
        tile: height and width of one sample on the sheet.
        points: [N, 2] in whole units of a map, by method.
        side: width and height of a map.
        how: how the maps were made.
    """

    labels: tuple[int, ...]
    classes: tuple[str, ...]
    sheet: str | None
    tile: tuple[int, int]
    points: dict[str, list[tuple[int, int]]]
    side: int = SIDE
    how: str = ""


def maps(folder: Path) -> Maps | None:
    """What `folder/maps.json` holds; None where it is missing or is not what it should be."""
    content = one_object(folder / "maps.json")
    try:
        labels = tuple(int(label) for label in content["labels"])
        classes = tuple(str(name) for name in content["classes"])
        points = {str(method): placed(np.asarray(xy, dtype=float)) for method, xy in content["maps"].items()}
        if not labels or max(labels) >= len(classes) or any(len(xy) != len(labels) for xy in points.values()):
            return None
        pictures = np.asarray(content.get("images", []), dtype=float)
        shown = pictures.ndim == 3 and len(pictures) == len(labels)
        return Maps(
            labels=labels,
            classes=classes,
            sheet=png(sheet(pictures, ACROSS)) if shown else None,
            tile=(pictures.shape[1], pictures.shape[2]) if shown else (0, 0),
            points=points,
            how=str(content.get("how", "")),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None


def placed(xy: NDArray[np.floating]) -> list[tuple[int, int]]:
    """Points on the map: both axes at one scale, filling it, y upwards."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = (SIDE - 2 * _EDGE) / max(float((high - low).max()), 1e-12)
    placed = (xy - (low + high) / 2) * scale * np.array([1, -1]) + SIDE / 2
    return [(int(x), int(y)) for x, y in np.round(placed)]
