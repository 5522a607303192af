"""The finished cells of a seed in, a maps.json out: a flat map of the test part's features under each method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.bench.grid import Plan
from randquant.data import Batch
from randquant.probe import extract, raw
from randquant.report.files import write_whole
from randquant.report.flat import HOW, flat
from randquant.run import Run

_SAMPLES = 2000  # at most; more would be slow to make and to look at


def write_maps(plans: Sequence[Plan], path: Path) -> None:
    """Map the features of every plan, which are of one data set; a map made before with the same settings is kept."""
    dataset = plans[0].task.open()
    batch = dataset.held("test").take(slice(_SAMPLES))
    assert batch.target is not None
    before = _read(path)
    maps, of = {}, {}
    for plan in plans:
        kept = before.get("of", {}).get(plan.method) == plan.config_hash
        maps[plan.method] = before["maps"][plan.method] if kept else flat(_features(plan, batch)).round(2).tolist()
        of[plan.method] = plan.config_hash
    content = {
        "how": HOW,
        "labels": batch.target.tolist(),
        "classes": list(dataset.classes),
        "images": batch.inputs[0][:, 0].double().numpy().round(4).tolist(),
        "maps": maps,
        "of": of,
    }
    write_whole(path, json.dumps(content))


def _features(plan: Plan, batch: Batch) -> NDArray[np.float32]:
    return raw(batch) if plan.training is None else extract(Run.open(plan.training.out).encoder(), batch)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("maps"), dict) else {}
