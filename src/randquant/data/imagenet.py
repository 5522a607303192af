"""The folder of ImageNet's photographs in, the class of each validation picture out, which all lie in one folder there.

The original distribution names them in its development kit, by the numbers of the classes, line by line in the order
of the pictures; Kaggle's names them in a table.
"""

from __future__ import annotations

import csv
from pathlib import Path

from randquant.data.present import reading

TABLE = "LOC_val_solution.csv"  # Kaggle's, beside its ILSVRC/Data/CLS-LOC
KIT = Path("ILSVRC2012_devkit_t12", "data")
NUMBERS = "ILSVRC2012_validation_ground_truth.txt"


def validation_classes(folder: Path) -> dict[str, str]:
    """The WordNet id of each validation picture, by its file's name without the ending; none where no list is there.

    Args:
        folder: that `train` and `val` stand in, beside the kit or the table, or three folders below the table.

    Raises:
        UserError: the list cannot be read.
    """
    for where in (folder, *folder.absolute().parents[:3]):
        if (table := where / TABLE).is_file():
            return _from_table(table)
    return _from_kit(folder / KIT) if (folder / KIT).is_dir() else {}


def _from_table(table: Path) -> dict[str, str]:
    with reading(table), table.open(newline="", encoding="utf-8") as lines:
        return {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(lines)}


def _from_kit(kit: Path) -> dict[str, str]:
    from scipy.io import loadmat  # a third of a second: only for those who read it

    with reading(kit / "meta.mat"):
        classes = loadmat(kit / "meta.mat", squeeze_me=True)["synsets"]
        words = {int(one["ILSVRC2012_ID"]): str(one["WNID"]) for one in classes}
    with reading(kit / NUMBERS):
        numbers = map(int, (kit / NUMBERS).read_text().split())
        return {f"ILSVRC2012_val_{place:08d}": words[number] for place, number in enumerate(numbers, start=1)}
