"""The finished cells of a seed in, a maps.json out: a flat map of the test part's features under each method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from randquant.bench.grid import Plan
from randquant.data import Batch
from randquant.probe import extract, raw
from randquant.report.files import write_whole
from randquant.run import Run

HOW = (
    "The maps are made by t-SNE (perplexity 30) from the first 50 principal components of the features, each scaled to "
    "length 1."
)
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


def flat(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Features [N, D] as places on a plane [N, 2], the same for the same features."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = np.divide(features, length, out=np.zeros_like(features), where=length > 0)
    components = min(50, *unit.shape)
    main = PCA(components, svd_solver="full").fit_transform(unit.astype(np.float64))
    perplexity = min(30.0, (len(main) - 1) / 3)
    places: NDArray[np.float64] = TSNE(init="pca", perplexity=perplexity, max_iter=500, random_state=0).fit_transform(
        main
    )
    return places


def _features(plan: Plan, batch: Batch) -> NDArray[np.float32]:
    return raw(batch) if plan.training is None else extract(Run.open(plan.training.out).encoder(), batch)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("maps"), dict) else {}
