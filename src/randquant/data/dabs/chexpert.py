"""The small edition of CheXpert in; X-ray pictures of chests with five yes-or-no findings out.

Source: J. Irvin et al., "CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert Comparison",
AAAI 2019.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.picture import AUROC, GRID, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "CheXpert-v1.0-small"
_FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation pictures, 223,414 and 234, frontal and lateral."""
    folder = folder_of(
        entry, root, f"{_FOLDER}/train.csv", f"{_FOLDER}/valid.csv", f"{_FOLDER}/train", f"{_FOLDER}/valid"
    )
    names: list[str] = []
    patients, findings, training = [], [], 0
    for table in ("train.csv", "valid.csv"):
        training = len(names)  # at last: before the validation pictures
        with reading(folder / _FOLDER / table), (folder / _FOLDER / table).open(newline="") as file:
            for row in csv.DictReader(file):
                patient = re.search(r"/patient(\d+)/", row["Path"])
                if patient is None:
                    raise ValueError(f"no patient in {row['Path']}")
                names.append(row["Path"])  # begins with the name of the small edition's folder
                patients.append(int(patient[1]))
                findings.append([_found(row[finding]) for finding in _FINDINGS])
    target, train = torch.tensor(findings, dtype=torch.float32), torch.arange(len(names)) < training
    found = parts(folder, names, train, target, torch.tensor(patients))
    return entry.dataset(Spec((GRID,), Target("multilabel", len(_FINDINGS))), found, _FINDINGS)


def _found(value: str) -> float:
    """1 for what was found; 0 for what was not found (0), is uncertain (-1) or is not mentioned (empty)."""
    return float(value.strip() != "" and float(value) == 1)


ENTRIES = (
    Entry(
        name="chexpert",
        title="CheXpert",
        domain="medical",
        roles=("pretrain", "transfer"),
        read=read,
        folder="chexpert",
        layout="CheXpert-v1.0-small/{train.csv, valid.csv, train/patient*/study*/*.jpg, valid/patient*/study*/*.jpg}",
        size="11 GB",
        licence="registration; research only",
        obtain="from the AIMI centre of Stanford University; take the small edition, CheXpert-v1.0-small; "
        "it was not checked that the portal still has it",
        metric="auroc_macro",
        remaining=(AUROC,),
    ),
)
