"""One process's tensors in, those of all processes out: what a loss needs that looks at the whole global batch.

With one process everything is returned as it came. With several, started by torchrun, each holds as many samples as
the others, and the global batch is their parts in the order of the ranks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if _many() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if _many() else 0


def gather(values: Tensor) -> Tensor:
    """The rows of all processes: [B, ...] to [size * B, ...]. The gradient reaches the process each row came from."""
    if size() == 1:
        return values
    gathered: Tensor = _Gather.apply(values)
    return gathered


def total(values: Tensor) -> Tensor:
    """The sum over all processes, element by element, with its gradient."""
    if size() == 1:
        return values
    summed: Tensor = _Total.apply(values)
    return summed


def mean(values: Tensor) -> Tensor:
    """The mean over all processes, element by element, without a gradient."""
    return total(values.detach()) / size()


def largest(number: int, device: torch.device) -> int:
    """The largest of all processes' numbers: what one has noticed, all know."""
    if size() == 1:
        return number
    found = torch.tensor(number, device=device)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return int(found)


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        values = values.contiguous()
        parts = [torch.empty_like(values) for _ in range(size())]
        distributed.all_gather(parts, values)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient.tensor_split(size())[rank()]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.contiguous().clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient
