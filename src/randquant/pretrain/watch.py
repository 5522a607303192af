"""Features in, two numbers out that tell whether they have collapsed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data import Batch

WATCHED = 512  # samples; enough for any feature's width up to that
COLLAPSED_SPREAD = 0.01
COLLAPSED_RANK = 1.5  # below 2 directions, one number says all that the feature says


def watch(encoder: nn.Module, samples: Batch) -> dict[str, float]:
    """How far the features of some samples spread: 0 and 1 say that all samples look the same to the encoder.

    Returns:
        `feature_spread`: the standard deviation of normalised features times the root of their width, at most 1.
        `effective_rank`: the exponential of the entropy of the centred features' singular values, which sum to 1
        (Roy and Vetterli, 2007; Garrido et al., "RankMe", 2023): how many directions the features fill.
    """
    encoder.eval()
    with torch.no_grad():
        features: Tensor = encoder(samples.take(slice(WATCHED)).inputs).double().nan_to_num()  # [B, D]
    encoder.train()
    spread = F.normalize(features, dim=1).std(dim=0, correction=0).square().sum().sqrt()
    values = torch.linalg.svdvals(features - features.mean(dim=0))
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return {"feature_spread": float(spread), "effective_rank": float(torch.special.entr(shares).sum().exp())}


def has_collapsed(watched: dict[str, float]) -> bool:
    """Whether what `watch` found means that samples can hardly be told apart."""
    return watched["feature_spread"] < COLLAPSED_SPREAD or watched["effective_rank"] < COLLAPSED_RANK
