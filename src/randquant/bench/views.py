"""A data set of pictures in, a views.json out: some samples, and what randomized quantization makes of them.

Nothing is imitated: the views are those that the method `rq` trains on in its first epochs.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from randquant.data import Dataset
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.draw import Draws
from randquant.report.files import write_whole

EPOCHS, VIEWS = 2, 2


def write_views(dataset: Dataset, path: Path, *, bins: int, seed: int = 0, samples: int = 4) -> None:
    """Write samples of different classes, each under the views of the first epochs."""
    batch = dataset.held("train")
    assert batch.target is not None
    classes = torch.linspace(0, len(dataset.classes) - 1, samples).round().long()
    rows = torch.stack([(batch.target == label).nonzero()[0, 0] for label in classes])
    chosen = batch.take(rows)
    drawn = [
        quantize_with_bins(chosen.inputs[0], bins, Draws(seed, epoch, chosen.ids).keys("rq/0", view))
        for epoch in range(EPOCHS)
        for view in range(VIEWS)
    ]
    content = {
        "bins": bins,
        "samples": [
            {
                "label": dataset.classes[int(classes[i])],
                "before": chosen.inputs[0][i, 0].tolist(),
                "low": float(chosen.inputs[0][i].min()),
                "high": float(chosen.inputs[0][i].max()),
                **{name: [getattr(one, name)[i, 0].tolist() for one in drawn] for name in ("after", "edges", "values")},
            }
            for i in range(samples)
        ],
    }
    write_whole(path, json.dumps(content))
