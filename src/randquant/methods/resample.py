"""Images and one matrix a sample for rows and for columns in, resampled images out: crops with resizing, and blur.

Both are sums over the pixels of a row, then of a column, with weights that differ from sample to sample, so both are
two matrix products.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images [B, C, H, W], by `rows` [B, H', H] and `columns` [B, W', W]: [B, C, H', W']."""
    with torch.autocast(images.device.type, enabled=False):  # half precision would band the colours
        return rows.to(images.dtype).unsqueeze(1) @ images @ columns.to(images.dtype).transpose(1, 2).unsqueeze(1)


def stretched(start: Tensor, side: Tensor, size: int, wanted: int) -> Tensor:
    """What cuts [start, start + side) out of `size` pixels and resizes it to `wanted` ones: [B, wanted, size].

    Linear interpolation with antialiasing, as Pillow has it and torchvision by default: where the image shrinks, the
    triangle grows with the step.

    Args:
        start, side: whole pixels, [B].
        size, wanted: pixels before and after.
    """
    start, side = (one.double().reshape(-1, 1, 1) for one in (start, side))
    step = side / wanted
    pixels = torch.arange(size, device=start.device, dtype=torch.float64)
    centres = start + (torch.arange(wanted, device=start.device).reshape(1, -1, 1) + 0.5) * step  # [B, wanted, 1]
    weights = (1 - (pixels + 0.5 - centres).abs() / step.clamp(min=1)).clamp(min=0)
    weights = weights * ((pixels >= start) & (pixels < start + side))  # what lies outside the box is not seen
    return weights / weights.sum(dim=2, keepdim=True)


def blurring(spread: Tensor, largest: float, size: int) -> Tensor:
    """What blurs `size` pixels by Gaussians, cut off at 4 of the largest spread; borders are mirrored: [B, size, size].

    Args:
        spread: the standard deviation for each sample, in pixels, [B].
        largest: that of all batches, so that all have the same reach.
        size: pixels.
    """
    reach = min(math.ceil(4 * largest), size - 1)
    offsets = torch.arange(-reach, reach + 1, device=spread.device)
    weights = torch.exp(-0.5 * (offsets / spread.unsqueeze(1)).square())  # [B, offsets]
    weights = weights / weights.sum(dim=1, keepdim=True)
    places = (torch.arange(size, device=spread.device).unsqueeze(1) + offsets).abs()  # [size, offsets]
    places = torch.minimum(places, 2 * (size - 1) - places)
    hits = torch.nn.functional.one_hot(places, size).to(weights.dtype)  # [size, offsets, size]
    return torch.einsum("bo,iop->bip", weights, hits)
