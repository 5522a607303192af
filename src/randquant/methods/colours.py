"""Colours from 0 to 1 in, other colours out, each sample by its own amount: [B, 3, H, W] to the same shape."""

from __future__ import annotations

import torch
from torch import Tensor

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)  # the places of a sample's amounts, and what an order is made of
_LUMA = (0.2989, 0.587, 0.114)


def gray(colours: Tensor) -> Tensor:
    """How light each place is: [B, 1, H, W]."""
    red, green, blue = colours.unbind(dim=1)
    return (_LUMA[0] * red).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2]).unsqueeze(1)


def turn_hue(colours: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue by so much of the circle, [B]; lightness and saturation of the HSV cone stay."""
    red, green, blue = colours.unbind(dim=1)
    most = colours.amax(dim=1)  # [B, H, W]
    chroma = most - colours.amin(dim=1)
    safe = torch.where(chroma > 0, chroma, 1)
    sixths = torch.where(
        red == most,
        (green - blue) / safe,
        torch.where(green == most, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixths = sixths + 6 * turns.reshape(-1, 1, 1)
    parts = []
    for place in (5, 3, 1):
        around = (place + sixths).remainder(6)
        parts.append(most - chroma * torch.minimum(around, 4 - around).clamp(0, 1))
    return torch.stack(parts, dim=1)


def jitter(colours: Tensor, amounts: Tensor, order: Tensor, chosen: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue, in each sample's own order.

    Args:
        colours: from 0 to 1, where they stay.
        amounts: [B, 4]: three factors, and a turn of the hue.
        order: int64 [B, 4], which of the four comes first, second, third and last.
        chosen: bool [B], the samples that are changed.
    """
    for place in range(4):
        kind = order[:, place]
        turned = chosen & (kind == HUE)
        factor = amounts.gather(1, kind.unsqueeze(1)).squeeze(1)  # [B]
        factor = torch.where(chosen & ~turned, factor, 1).reshape(-1, 1, 1, 1).to(colours.dtype)
        light = gray(colours)
        kind = kind.reshape(-1, 1, 1, 1)
        other = torch.where(kind == CONTRAST, light.mean(dim=(1, 2, 3), keepdim=True), light)
        other = torch.where(kind == BRIGHTNESS, 0, other)
        colours = torch.lerp(other, colours, factor).clamp_(0, 1)
        rows = turned.nonzero().squeeze(1)  # hue takes the most time, so it is turned where it must be
        if len(rows):
            colours = colours.index_copy(0, rows, turn_hue(colours[rows], amounts[rows, HUE]))
    return colours


def solarize(colours: Tensor, threshold: float = 128 / 255) -> Tensor:
    """Invert what is at least as light as the threshold, in each colour by itself."""
    return torch.where(colours >= threshold, 1 - colours, colours)
