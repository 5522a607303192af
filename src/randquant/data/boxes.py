"""Sizes of images and uniform numbers in, the boxes of random resized crops out.

Source: torchvision's RandomResizedCrop, of which this is the drawing, for many images at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from randquant.quantize.draw import Draws

CROP = "rrc/0"  # the numbers of a crop, on the device or where photographs are read
TRIES = 10
RATIOS = (3 / 4, 4 / 3)  # of width to height, drawn evenly on a logarithmic scale


def draw_boxes(draws: Draws, purpose: str, view: int, height: Tensor | int, width: Tensor | int, area: float) -> Tensor:
    """The box of each sample's crop: int64 [B, 4]: top, left, height and width, in pixels.

    Args:
        draws, purpose, view: name the numbers.
        height, width: of each sample's image, [B], or of all.
        area: the smallest share of the image's area; the largest is all of it.
    """
    return boxes(draws.uniform(purpose, TRIES, 4, view=view), height, width, area)


def boxes(numbers: Tensor, height: Tensor | int, width: Tensor | int, area: float) -> Tensor:
    """The boxes that uniform numbers stand for, [B, 10, 4]: area, ratio, top and left of each try.

    The first try that fits is taken; where none does, the largest box in the middle whose ratio is allowed.
    """
    numbers = numbers.double()
    shape = (len(numbers), 1)
    h = torch.as_tensor(height, device=numbers.device, dtype=torch.float64).reshape(-1, 1).expand(shape)
    w = torch.as_tensor(width, device=numbers.device, dtype=torch.float64).reshape(-1, 1).expand(shape)
    low, high = (math.log(one) for one in RATIOS)
    areas = h * w * (area + (1 - area) * numbers[..., 0])  # [B, 10]
    ratios = (low + (high - low) * numbers[..., 1]).exp()
    wide, tall = (areas * ratios).sqrt().round(), (areas / ratios).sqrt().round()
    fits = (wide > 0) & (wide <= w) & (tall > 0) & (tall <= h)
    top = (numbers[..., 2] * (h - tall + 1)).floor()
    left = (numbers[..., 3] * (w - wide + 1)).floor()
    tries = torch.stack([top, left, tall, wide], dim=2)  # [B, 10, 4]
    first = fits.to(torch.int8).argmax(dim=1)
    found = tries[torch.arange(len(tries), device=tries.device), first]

    wide = torch.where(w / h > RATIOS[1], (h * RATIOS[1]).round(), w)
    tall = torch.where(w / h < RATIOS[0], (w / RATIOS[0]).round(), h)
    top, left = ((h - tall) / 2).floor(), ((w - wide) / 2).floor()
    middle = torch.cat([top, left, tall, wide], dim=1)  # [B, 4]
    return torch.where(fits.any(dim=1, keepdim=True), found, middle).long()
