"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn carries, in; a data set out.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
test part.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec, Target

SPEC = Spec(inputs=(Grid(channels=1, size=(8, 8), patch=(2, 2)),), target=Target("class", 10))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Pixels from 0 to 1 as float32 [B, 1, 8, 8]; each class is cut in halves "train" and "test" by a keyed shuffle."""
    from sklearn.datasets import load_digits  # a second's import: only for those who use it

    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).float().reshape(-1, 1, 8, 8) / 16
    target = torch.from_numpy(labels).long()
    ids = torch.arange(len(target))
    samples = Batch(ids, (images,), target)
    shuffled = Draws(seed=0, epoch=0, ids=ids).permutation("halves")
    halves: dict[str, list[torch.Tensor]] = {"train": [], "test": []}
    for label in range(10):
        rows = shuffled[target[shuffled] == label]
        half = (len(rows) + 1) // 2
        halves["train"].append(rows[:half])
        halves["test"].append(rows[half:])
    parts = {name: samples.take(torch.cat(rows).sort().values) for name, rows in halves.items()}
    return entry.dataset(SPEC, parts, tuple("0123456789"))


ENTRIES = (
    Entry(
        name="digits",
        title="Handwritten digits",
        domain="images",
        roles=("mini",),
        read=read,
        batch=128,
        size="none",
        licence="CC BY 4.0",
    ),
)
