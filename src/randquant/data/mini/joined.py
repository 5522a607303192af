"""Which things are linked in, groups of all that are linked by way of others out."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor


def joined(links: Tensor, count: int) -> Tensor:
    """Groups of so many things, numbered by their first: int64 [N].

    Args:
        links: the places of two things each, int64 [E, 2].
        count: how many things there are.
    """
    one, other = links.numpy().T
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    order: dict[int, int] = {}
    return torch.tensor([order.setdefault(label, len(order)) for label in connected_components(graph)[1].tolist()])
