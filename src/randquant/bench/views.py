"""A data set of pictures in, a views.json out: some samples, and what randomized quantization makes of them.

Nothing is imitated: the views are those that the method `rq` trains on in its first epochs.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from randquant.data import Dataset
from randquant.quantize import eager, randomized_quantize
from randquant.quantize.draw import Draws, fractions
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
        draw(chosen.inputs[0], bins, Draws(seed, epoch, chosen.ids).keys("rq/0", view))
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
                **{name: [one[name][i].tolist() for one in drawn] for name in ("after", "edges", "values")},
            }
            for i in range(samples)
        ],
    }
    write_whole(path, json.dumps(content))


def draw(pictures: Tensor, bins: int, keys: Tensor) -> dict[str, Tensor]:
    """One view of pictures [B, 1, H, W] with the bins behind it.

    Returns:
        `after` [B, H, W], the view; `edges` [B, R-1]; `values` [B, R], what the elements of each bin become.
    """
    drawn = fractions(
        len(pictures), 1, (bins, bins), uniform_edges=False, midpoint=False, p=1.0, shared=False,
        device=pictures.device, keys=keys,
    )  # fmt: skip
    book = eager.codebook(*eager.measure(pictures.flatten(2)), drawn, whole=False)
    after = randomized_quantize(pictures, bins, keys=keys)[:, 0]
    return {"after": after, "edges": book.edges[:, 0], "values": book.values[:, 0]}
