"""Features and labels in, the share that weighted neighbours name right out, for parts of a million samples.

Source: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 200
TEMPERATURE = 0.1
_ROWS = 256  # test samples compared with all training samples at a time


def vote(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    classes: int,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """The accuracy of the nearest neighbours by cosine, each with a vote of exp(cosine / temperature).

    Args:
        train, test: features [N, D] and [M, D], on the device that is to compare them.
        train_labels, test_labels: classes, int64 [N] and [M], on the same device.
        classes: how many there are.
        neighbours: at most; of fewer training samples all.
        temperature: of the votes.
    """
    train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    right = 0
    for some, labels in zip(torch.split(test, _ROWS), torch.split(test_labels, _ROWS), strict=True):
        nearest, places = (some @ train.T).topk(min(neighbours, len(train)), dim=1)  # [rows, neighbours]
        votes = torch.zeros(len(some), classes, device=some.device)
        votes.scatter_add_(1, train_labels[places], (nearest / temperature).exp())
        right += int((votes.argmax(dim=1) == labels).sum())
    return right / len(test)
