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
        Where features hold NaN or infinite values, `not_finite` and `watched` say of how many samples, and of how many
        in all; the two numbers are then those of the other samples, and missing if there are none.
    """
    was_training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            features: Tensor = encoder(samples.take(slice(WATCHED)).inputs).double()  # [B, D]
    finally:
        encoder.train(was_training)
    finite = features.isfinite().all(dim=1)  # [B]
    bad = {} if finite.all() else {"not_finite": float((~finite).sum()), "watched": float(len(features))}
    if not finite.any():
        return bad
    features = features[finite]
    spread = F.normalize(features, dim=1).std(dim=0, correction=0).square().sum().sqrt()
    values = torch.linalg.svdvals(features - features.mean(dim=0))
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    rank = torch.special.entr(shares).sum().exp()
    return {"feature_spread": float(spread), "effective_rank": float(rank), **bad}


def sentence(watched: Mapping[str, float]) -> str | None:
    """What is wrong with the features, in one line; None where nothing is.

    Args:
        watched: what `watch` found, and the method's `view_similarity`, the mean cosine between the features of a
            sample's two views, if it has one. Anything else is passed over.
    """
    if "not_finite" in watched:
        return (
            f"the features of {watched['not_finite']:.0f} of {watched['watched']:.0f} samples are NaN or infinite when "
            "the encoder is used, though the loss is a number: look at what it does in eval mode only, such as the "
            "running statistics of its batch norms"
        )
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
