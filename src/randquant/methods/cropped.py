"""Grids in, random crops of them out, brought back to their size: the partner `crop`."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.methods.chain import Chain
from randquant.methods.extent import lengths
from randquant.methods.method import NotApplicableError
from randquant.methods.reads import reads
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Spec


@reads("crop_smallest")
def cropped(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `crop` stands for: cut a random box out of every grid and stretch it to the grid's size.

    Along each dimension the box's side is uniform between the smallest share and 1, and its place uniform within the
    grid; values between places are linear interpolations. A sample that ends before its grid does is cropped within
    its own length, and keeps it. Other inputs pass untouched.

    Raises:
        NotApplicableError: the spec has no grid.
    """
    if not any(one.size for one in spec.inputs):
        raise NotApplicableError("method: crop was given no grid, and nothing else can be cropped; leave it out")

    def cut(inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        views = list(inputs)
        for place, one in enumerate(spec.inputs):
            if one.size:
                numbers = draws.uniform(f"crop/{place}", len(one.size), 2, view=view)  # [B, dimensions, 2]
                for dimension in range(len(one.size)):
                    side = settings.crop_smallest + (1 - settings.crop_smallest) * numbers[:, dimension, 0]
                    start = (1 - side) * numbers[:, dimension, 1]
                    ends = lengths(views[place], dimension + 2) if one.gaps else None
                    views[place] = _stretch(views[place], dimension + 2, start, side, ends)
        return tuple(views)

    return Chain(inputs=(cut,))


def _stretch(values: Tensor, dim: int, start: Tensor, side: Tensor, ends: Tensor | None) -> Tensor:
    """Stretch the part [start, start + side] of a dimension of [B, ...] over the whole; both are shares of it, [B].

    `ends`: places that count, int64 [B]; None for all. The others stay as they are.
    """
    size = values.shape[dim]
    every = torch.arange(size, device=values.device)
    whole = torch.full((len(values), 1), size, device=values.device) if ends is None else ends.unsqueeze(1)
    centres = (every + 0.5) / whole  # [B, size]
    places = ((start[:, None] + side[:, None] * centres) * whole - 0.5).clamp(min=0)
    places = torch.minimum(places, whole - 1)
    if ends is not None:
        places = torch.where(every < whole, places, every)
    shape = [len(values)] + [1] * (values.ndim - 1)
    shape[dim] = size
    below = places.floor().long()
    above = torch.minimum(below + 1, whole - 1)
    share = (places - below).to(values.dtype).reshape(shape)
    low = values.gather(dim, below.reshape(shape).expand_as(values))
    high = values.gather(dim, above.reshape(shape).expand_as(values))
    return low + share * (high - low)
