"""Features in, two numbers out that tell whether they have collapsed, and a sentence that says so.

The limits lie between what was measured on the digits: encoders trained to give one feature for all have a spread
below 0.003; random ones 0.036 and more, trained ones 0.017 and more, and 0.07 and more where their views are alike. A
training that broke at a high learning rate had an effective rank of 1.6 with views alike; healthy ones stay above 8.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data import Batch

WATCHED = 512  # samples; enough for any feature's width up to that
COLLAPSED_SPREAD = 0.01
COLLAPSED_RANK = 1.5  # below 2 directions, one number says all that the feature says
# Where the two views of a sample look the same as well, the numbers may be further from the end.
ALIKE_VIEWS = 0.999
SUSPECT_SPREAD = 0.03
SUSPECT_RANK = 2.0


def watch(encoder: nn.Module, samples: Batch) -> dict[str, float]:
    """How far the features of some samples spread: 0 and 1 say that all samples look the same to the encoder.

    Args:
        encoder: any module that gives [B, D] from the inputs. It is left in the mode it was found in.
        samples: on the encoder's device; the first 512 are looked at.

    Returns:
        `feature_spread`: the standard deviation of normalised features times the root of their width, at most 1.
        `effective_rank`: the exponential of the entropy of the centred features' singular values, which sum to 1
        (Roy and Vetterli, 2007; Garrido et al., "RankMe", 2023): how many directions the features fill.
    """
    was_training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            features: Tensor = encoder(samples.take(slice(WATCHED)).inputs).double()  # [B, D]
    finally:
        encoder.train(was_training)
    features = features.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    spread = F.normalize(features, dim=1).std(dim=0, correction=0).square().sum().sqrt()
    values = torch.linalg.svdvals(features - features.mean(dim=0))
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return {"feature_spread": float(spread), "effective_rank": float(torch.special.entr(shares).sum().exp())}


def sentence(watched: Mapping[str, float]) -> str | None:
    """What is wrong with the features, in one line; None where nothing is.

    Args:
        watched: what `watch` found, and the method's `view_similarity`, the mean cosine between the features of a
            sample's two views, if it has one. Anything else is passed over.
    """
    views = watched.get("view_similarity")
    alike = views is not None and views > ALIKE_VIEWS
    spread, rank = watched["feature_spread"], watched["effective_rank"]
    if spread < (SUSPECT_SPREAD if alike else COLLAPSED_SPREAD):
        found = "all samples look alike to the encoder"
    elif rank < (SUSPECT_RANK if alike else COLLAPSED_RANK):
        found = "all samples lie on one line"
    else:
        return None
    told = f"feature spread {spread:.2g}, effective rank {rank:.1f}"
    if views is not None:
        told += f", view similarity {views:.2f}"
    return (
        f"the features have collapsed: {found} ({told}); "
        "try a smaller learning rate, a larger batch, or a stronger view"
    )
