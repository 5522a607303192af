"""Keys and counters in, random words out: Philox4x32-10 in one launch, where tensor arithmetic takes over a hundred."""

from __future__ import annotations

import numpy as np
import torch
import triton
from torch import Tensor

from . import gpu_kernels as kernels

_BLOCK = 256


def philox(keys: Tensor, low: Tensor, high: Tensor, kind: int) -> tuple[Tensor, ...]:
    """Encrypt the counters (low, high, 0, kind) under 64-bit keys: four int64 tensors of 32-bit words.

    Args:
        keys, low, high: int64, of shapes that broadcast.
        kind: the last word of every counter.
    """
    shape = np.broadcast_shapes(keys.shape, low.shape, high.shape)
    keys, low, high = (one.expand(shape).contiguous() for one in (keys, low, high))
    words = torch.empty(4, *keys.shape, dtype=torch.int64, device=keys.device)
    if count := keys.numel():
        kernels.encrypt[(triton.cdiv(count, _BLOCK),)](keys, low, high, words, count, kind, BLOCK=_BLOCK)
    return words.unbind(0)
