"""The X-ray pictures of the benchmark."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from layouts.images import picture
from layouts.layout import Layout

CHEXPERT_FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)


def chexpert(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Two patients to train on, of whom the first has two views, and one to validate on."""
    tables: dict[str, dict[str, dict[str, str]]] = {
        "train": {
            "patient00001/study1/view1_frontal": {"Atelectasis": "1.0", "Edema": "-1.0", "Pneumothorax": "1.0"},
            "patient00001/study1/view2_lateral": {"Cardiomegaly": "0.0", "Pleural Effusion": "1.0"},
            "patient00003/study2/view1_frontal": {"No Finding": "1.0"},
        },
        "valid": {
            "patient64541/study1/view1_frontal": {"Cardiomegaly": "1.0", "Edema": "1.0", "Consolidation": "1.0"},
        },
    }
    for part, pictures in tables.items():
        folder = root / "chexpert" / "CheXpert-v1.0-small"
        for name in pictures:
            picture(folder / part / f"{name}.jpg", mode="L")
        with (folder / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_FINDINGS])
            for name, found in pictures.items():
                values = [found.get(finding, "") for finding in CHEXPERT_FINDINGS]
                writer.writerow([f"CheXpert-v1.0-small/{part}/{name}.jpg", "Female", 68, "Frontal", "AP", *values])


def chest_table(file: Path, rows: list[tuple[str, str, int]]) -> None:
    """The table of the NIH, of (picture, findings, patient)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age"])
        writer.writerows([name, found, 0, patient, 58] for name, found, patient in rows)


def chestxray8(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Two patients with the same findings in the same order, so that either may be drawn; one picture has an alpha."""
    folder = root / "chestxray8"
    findings = ("Cardiomegaly|Mass", "No Finding", "Pleural_Thickening|Pneumothorax")
    rows = [(f"{patient:08d}_{visit:03d}.png", findings[visit], patient) for visit in (2, 0, 1) for patient in (22, 3)]
    for name, _, _ in rows:
        picture(folder / "images" / name, mode="RGBA" if name == "00000003_001.png" else "L")
    chest_table(folder / "Data_Entry_2017.csv", rows)


BOTH, NONE, LAST = (0, 1, 0, 0, 1, 0, 0, 0), (0,) * 8, (0, 0, 0, 0, 0, 0, 0, 1)

LAYOUTS = {
    "chexpert": Layout(
        write=chexpert,
        targets={
            "train": [(1, 0, 0, 0, 0), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)],
            "test": [(0, 1, 1, 1, 0)],
        },
        broken="chexpert/CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg",
    ),
    "chestxray8": Layout(  # by the benchmark, the fourth of six pictures comes last in the draw
        write=chestxray8,
        targets={"train": [BOTH, NONE, LAST], "test": [BOTH, NONE, LAST]},
        faithful={"train": [BOTH, NONE, LAST, NONE, LAST], "test": [BOTH]},
        broken="chestxray8/images/00000022_001.png",
    ),
}
