"""Colours from 0 to 1 in, other colours out, each sample by its own amount: [B, 3, H, W] to the same shape."""

from __future__ import annotations

from itertools import product

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
        around = place + sixths
        around = around - 6 * (around / 6).floor()  # several times faster than a remainder
        parts.append(most - chroma * torch.minimum(around, 4 - around).clamp_(0, 1))
    return torch.stack(parts, dim=1)


def jitter(colours: Tensor, amounts: Tensor, order: Tensor, chosen: Tensor) -> Tensor:
    """Change brightness, contrast, saturation and hue, in each sample's own order.

    Args:
        colours: from 0 to 1, where they stay.
        amounts: [B, 4]: three factors, and a turn of the hue.
        order: int64 [B, 4], which of the four comes first, second, third and last.
        chosen: bool [B], the samples that are changed.
    """
    colours, amounts = colours.clone(), amounts.to(colours.dtype)
    kinds = torch.where(chosen.unsqueeze(1), order, -1).tolist()  # read once: a GPU is waited for
    for place, kind in product(range(4), range(4)):  # each kind is made only of the samples whose turn it is
        found = [row for row, own in enumerate(kinds) if own[place] == kind]
        if found:
            rows = torch.tensor(found, device=colours.device)
            colours.index_copy_(0, rows, _changed(colours[rows], kind, amounts[rows, kind]))
    return colours


def _changed(colours: Tensor, kind: int, amounts: Tensor) -> Tensor:
    """One change of all samples, by amounts [B]."""
    if kind == HUE:
        return turn_hue(colours, amounts)
    factor = amounts.reshape(-1, 1, 1, 1)
    if kind == BRIGHTNESS:
        return (colours * factor).clamp_(0, 1)
    light = gray(colours)
    other = light.mean(dim=(1, 2, 3), keepdim=True) if kind == CONTRAST else light
    return torch.lerp(other, colours, factor).clamp_(0, 1)


def solarize(colours: Tensor, threshold: float = 128 / 255) -> Tensor:
    """Invert what is at least as light as the threshold, in each colour by itself."""
    return torch.where(colours >= threshold, 1 - colours, colours)
