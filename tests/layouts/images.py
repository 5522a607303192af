"""The natural images of the benchmark."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torchvision

from layouts.layout import Layout


def cifar10(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Pickled batches, and the sums that torchvision compares them with."""
    folder = root / "cifar10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sums = {}
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        pixels = rng.integers(0, 256, (2, 3072), dtype=np.uint8)
        content = pickle.dumps({"data": pixels, "labels": [number, (number + 3) % 10]})
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    meta = pickle.dumps({"label_names": [f"class{number}" for number in range(10)]})
    (folder / "batches.meta").write_bytes(meta)
    loader = torchvision.datasets.CIFAR10
    patch.setattr(loader, "train_list", [[name, sums[name]] for name in names[:5]])
    patch.setattr(loader, "test_list", [[names[5], sums[names[5]]]])
    patch.setattr(loader, "meta", {**loader.meta, "md5": hashlib.md5(meta).hexdigest()})


LAYOUTS = {
    "cifar10": Layout(
        write=cifar10,
        targets={"train": [0, 3, 1, 4, 2, 5, 3, 6, 4, 7], "test": [5, 8]},
        broken="cifar10/cifar-10-batches-py/data_batch_3",
    ),
}
