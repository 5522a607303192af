"""The X-ray pictures of the NIH and their table in; pictures of chests with eight yes-or-no findings out.

Source: X. Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks", CVPR 2017.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import AUROC, GRID, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.quantize.draw import Draws
from randquant.spec import Spec, Target

_FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
)


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """All 112,120 pictures, nine tenths and a tenth; eight of the fourteen findings that the table has."""
    published = (root / entry.folder / "Data_Entry_2017.csv").exists()
    table = "Data_Entry_2017.csv" if published else "metadata.csv"
    folder = folder_of(entry, root, table, "images")
    with reading(folder / table), (folder / table).open(newline="") as file:
        rows = sorted(
            (row["Image Index"], int(row["Patient ID"]), row["Finding Labels"].split("|"))
            for row in csv.DictReader(file)
        )
    names = [name for name, _, _ in rows]
    groups = torch.tensor([patient for _, patient, _ in rows])
    target = torch.tensor([[float(one in found) for one in _FINDINGS] for _, _, found in rows])
    train = _of_pictures(len(rows)) if faithful else _of_patients(groups)
    found = parts(folder / "images", names, train, target, groups)
    return entry.dataset(Spec((GRID,), Target("multilabel", len(_FINDINGS))), found, _FINDINGS)


def _of_patients(groups: Tensor) -> Tensor:
    """bool [N]: whether a picture's patient is among the nine tenths of all patients that are drawn."""
    patients = torch.from_numpy(np.unique(groups.numpy()))
    drawn = patients[Draws(0, 0, patients).permutation("parts")]
    return torch.isin(groups, drawn[: int(0.9 * len(drawn))])


def _of_pictures(count: int) -> Tensor:
    """bool [N]: the benchmark's draw of single pictures, from sorted names."""
    order = np.arange(count)
    np.random.RandomState(42).shuffle(order)
    train = np.zeros(count, dtype=bool)
    train[order[: int(0.9 * count)]] = True
    return torch.from_numpy(train)


ENTRIES = (
    Entry(
        name="chestxray8",
        title="ChestX-ray8",
        domain="medical",
        roles=("transfer",),
        read=read,
        folder="chestxray8",
        layout="Data_Entry_2017.csv (or metadata.csv, as the benchmark calls it) and images/*.png",
        size="42 GB",
        licence="free",
        obtain="from the NIH Clinical Center, nihcc.app.box.com; unpack the twelve archives of pictures, which all "
        "go into images/, and put the table Data_Entry_2017.csv beside it",
        metric="auroc_macro",
        differences=(
            "Patients are divided between the parts, nine tenths and a tenth of them; the benchmark divides single "
            "pictures, so that patients stand in both parts.",
            "The benchmark's draw starts from the directory's own order of files (os.listdir), which cannot be "
            "repeated; where it is kept, it starts from sorted names.",
        ),
        remaining=(AUROC,),
    ),
)
