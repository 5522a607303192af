"""Grids in, the same moved round by random amounts out: the partner `shift`."""

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


@reads("shift_largest")
def shifted(spec: Spec, settings: MethodSettings) -> Chain:
    """The part of a chain that `shift` stands for.

    Along each dimension of a grid a sample is moved by a whole number of places, uniform up to the largest share of
    the side both ways; what leaves on one side comes back on the other. A sample that ends before its grid does is
    moved within its own length. Other inputs pass untouched.

    Raises:
        NotApplicableError: the spec has no grid.
    """
    if not any(one.size for one in spec.inputs):
        raise NotApplicableError("method: shift was given no grid, and nothing else can be shifted; leave it out")

    def move(inputs: tuple[Tensor, ...], draws: Draws, view: int) -> tuple[Tensor, ...]:
        views = list(inputs)
        for place, one in enumerate(spec.inputs):
            if one.size:
                numbers = draws.uniform(f"shift/{place}", len(one.size), view=view)  # [B, dimensions]
                for dimension, side in enumerate(one.size):
                    most = max(1, int(settings.shift_largest * side))
                    steps = (numbers[:, dimension] * (2 * most + 1)).long() - most  # [B], from -most to most
                    ends = lengths(views[place], dimension + 2) if one.gaps else None
                    views[place] = _roll(views[place], dimension + 2, steps, ends)
        return tuple(views)

    return Chain(inputs=(move,))


def _roll(values: Tensor, dim: int, steps: Tensor, ends: Tensor | None) -> Tensor:
    """Roll each sample of [B, ...] along a dimension by its own number of places, [B], within its `ends`, int64 [B]."""
    size = values.shape[dim]
    shape = [len(values)] + [1] * (values.ndim - 1)
    shape[dim] = size
    every = torch.arange(size, device=values.device)
    if ends is None:
        places = (every - steps[:, None]) % size  # [B, size]
    else:
        whole = ends.unsqueeze(1)
        places = torch.where(every < whole, (every - steps[:, None]) % whole, every)
    return values.gather(dim, places.reshape(shape).expand_as(values))
