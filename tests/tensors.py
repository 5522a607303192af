"""A shape and a type in, numbers that are hard to quantize out; the same ones for every backend."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from randquant.quantize.scope import FLOATS, INTEGERS


def numbers(shape: tuple[int, ...], dtype: torch.dtype, scale: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if dtype in INTEGERS:
        info = torch.iinfo(dtype)
        span = min(info.max, max(2, int(scale)))
        return torch.randint(max(info.min, -span), span, shape, generator=generator).to(dtype)
    scale = min(scale, torch.finfo(dtype).max / 8)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * scale).to(dtype)


def spoilt(x: Tensor, special: str, seed: int) -> Tensor:
    """x itself [B, C, ...], with some of it made special.

    Args:
        special: "constant", the first channel; "extremes" of the type; "some" NaN and infinities; "nothing finite" in
            one channel; anything else for nothing. Whole numbers have neither NaN nor infinities.
        seed: says where.
    """
    flat, dtype = x.view(-1), x.dtype
    if special == "constant":
        x[:, 0] = x[0, 0].flatten()[0]
    elif special == "extremes":
        info = torch.finfo(dtype) if dtype in FLOATS else torch.iinfo(dtype)
        flat[seed % flat.numel()], flat[seed // 2 % flat.numel()] = info.max, info.min
    elif dtype in FLOATS and special == "some":
        for i, value in enumerate([math.nan, math.inf, -math.inf]):
            flat[seed // (i + 1) % flat.numel()] = value
    elif dtype in FLOATS and special == "nothing finite":
        x[0, 0] = torch.tensor([math.nan, math.inf])[seed % 2].to(dtype)
    return x
