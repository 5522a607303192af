"""Features in, places on a plane out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

HOW = (
    "The maps are made by t-SNE (perplexity 30) from the first 50 principal components of the features, each scaled to "
    "length 1."
)


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
