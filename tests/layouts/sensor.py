"""The body-worn sensors of the benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from layouts.layout import Layout
from randquant.data.dabs import pamap2

Bouts = Sequence[tuple[int, int]]  # activities and how many rows each lasts


def recording(path: Path, bouts: Bouts) -> None:
    """A recording in which sensor c shows 100 c + row / 8, but for gaps: every third row of the heart rate is there,
    from row 2 on, and rows 7 and 8 of the last sensor are not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    activity = np.concatenate([np.full(rows, one) for one, rows in bouts])
    row = np.arange(len(activity))
    sensors = 100 * np.arange(52) + row[:, None] / 8
    sensors[row % 3 != 2, 0] = np.nan
    sensors[7:9, 51] = np.nan
    np.savetxt(path, np.column_stack([8.38 + row / 100, activity, sensors]), fmt="%.9g")
    path.write_text(path.read_text().replace("nan", "NaN"))  # as the published files spell it


def folder(root: Path) -> Path:
    return root / "pamap2" / "PAMAP2_Dataset" / "Protocol"


def write(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Each subject does one thing for exactly a window, another one in two bouts of less, and iron."""
    patch.setattr(pamap2, "DRAWS", {"train": 6, "test": 4})
    for subject in (101, 102, 103, 104, 107, 108, 109):
        recording(folder(root) / f"subject{subject}.dat", [(0, 9), (24, 200), (3, 320), (17, 400), (24, 200)])
    recording(folder(root) / "subject105.dat", [(0, 9), (13, 161), (0, 5), (13, 160), (5, 320), (0, 3)])


LAYOUTS = {
    "pamap2": Layout(  # standing and running last; rope jumping and going downstairs only once their bouts are glued
        write=write,
        targets={"train": [2] * 6, "test": [4] * 4},
        faithful={"train": [10] * 6, "test": [8] * 4},
        broken="pamap2/PAMAP2_Dataset/Protocol/subject104.dat",
        values=(None,),
    ),
}
