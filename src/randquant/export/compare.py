"""An encoder, what was exported of it and samples for both in, how far their features are apart out."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.encoder import OwnEncoder
from randquant.export.format import Features
from randquant.export.tried import SAMPLES, Tried

_TRIED = (1, 3, SAMPLES)  # samples at a time: a file must give the same for one as for many


def difference(encoder: OwnEncoder, exported: Features, tried: Tried) -> float:
    """The largest difference of a feature, in shares of the largest feature; infinite where shapes differ."""
    with torch.inference_mode():
        expected: Tensor = encoder(tried.inputs)
    apart = 0.0
    for count in _TRIED:
        given = exported([one[:count] for one in tried.given])
        if given.shape != expected[:count].shape or not bool(given.isfinite().all()):
            return float("inf")
        apart = max(apart, float((given - expected[:count]).abs().max()))
    return apart / max(float(expected.abs().max()), torch.finfo(torch.float32).tiny)
