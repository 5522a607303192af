"""The recordings of a six-axis smart watch in; windows of four seconds of seven shoulder exercises out.

The task is to tell which exercise a person does whom the training part never saw: the three subjects of the highest
numbers are held out. It is not about daily life, and the recordings hold nothing but the exercise. Windows are 200
steps of acceleration (g) and turning rate (rad/s), half overlapping, 50 steps a second; the rest of a recording that
fills no window is left out.

Source: D. M. Burns et al., "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch", Physiological Measurement 2018.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry, Package
from randquant.data.present import folder_of, reading
from randquant.spec import Grid, Spec, Target

_FILE = "seglearn/data/watch_dataset.npy"
_WINDOW, _HOP = 200, 100
_AXES = ("ax", "ay", "az", "wx", "wy", "wz")
_HELD_OUT = 3  # subjects of ten
_WORDS = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}
SPEC = Spec((Grid(channels=len(_AXES), size=(_WINDOW,), patch=(5,)),), Target("class", len(_WORDS)))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Values as they were recorded, float32 [B, 6, 200]; a group is a subject."""
    path = folder_of(entry, root, _FILE) / _FILE
    with reading(path), path.open("rb") as file:
        content = _content(file)
        if tuple(content["X_labels"]) != _AXES or tuple(content["y_labels"]) != tuple(_WORDS):
            raise ValueError(f"its axes must be {', '.join(_AXES)} and its exercises {', '.join(_WORDS)}")
        windows: list[Any] = []
        labels: list[int] = []
        subjects: list[int] = []
        for steps, label, subject in zip(content["X"], content["y"], content["subject"], strict=True):
            for start in range(0, len(steps) - _WINDOW + 1, _HOP):
                windows.append(steps[start : start + _WINDOW].T)
                labels.append(int(label))
                subjects.append(int(subject))
        values = torch.from_numpy(np.stack(windows).astype(np.float32))  # [N, 6, 200]
        if values.shape[1:] != SPEC.inputs[0].shape or not 0 <= min(labels) <= max(labels) < len(_WORDS):
            raise ValueError(f"windows must be {SPEC.inputs[0].shape} and labels from 0 to {len(_WORDS) - 1}")
        groups = torch.tensor(subjects)
        held_out = torch.isin(groups, torch.tensor(sorted(set(subjects))[-_HELD_OUT:]))
        if bool(held_out.all()):
            raise ValueError(f"it must hold more than {_HELD_OUT} subjects")
    samples = Batch(torch.arange(len(labels)), (values,), torch.tensor(labels), groups)
    parts = {name: samples.take(rows.nonzero().squeeze(1)) for name, rows in (("train", ~held_out), ("test", held_out))}
    return entry.dataset(SPEC, parts, tuple(_WORDS.values()))


def _content(file: IO[bytes]) -> Any:
    """The dictionary in an array of one object, which numpy keeps as a pickle."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it must be an array file of version 1.0")
    np.lib.format.read_array_header_1_0(file)
    return _Plain(file, encoding="latin1").load().item()


class _Plain(pickle.Unpickler):
    """Reads what plain arrays need and refuses all else: a pickle may call anything that it can name."""

    def find_class(self, module: str, name: str) -> Any:
        """The function or type of this name, one of those that build arrays."""
        known: dict[str, Any] = {"ndarray": np.ndarray, "dtype": np.dtype}
        known["_reconstruct"] = np.empty(0).__reduce__()[0]
        known["scalar"] = np.float64(0).__reduce__()[0]
        if module.split(".")[0] == "numpy" and name in known:
            return known[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no array needs")


def _encode(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


ENTRIES = (
    Entry(
        name="watch",
        title="Shoulder exercises by smart watch",
        domain="sensor",
        roles=("mini",),
        read=read,
        folder="mini/watch",
        layout=_FILE,
        size="11 MB",
        licence="BSD 3-Clause",
        packages=(
            Package(
                client="pip",
                name="seglearn",
                version="1.2.5",
                sha256="ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd",
                members=(_FILE,),
            ),
        ),
        batch=128,
    ),
)
