"""Gradients in, updated parameters out: SGD whose step is scaled to the size of each matrix.

Source: You, Gitman and Ginsburg, "Large batch training of convolutional networks", 2017, in the form in which MoCo v3
trains ResNets (Chen, Xie and He, 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class LARS(Optimizer):
    """Layer-wise adaptive rate scaling.

    For a parameter w with gradient g: where w has more than one dimension, d = g + weight_decay w, scaled by
    trust |w| / |d| unless one of the norms is 0; elsewhere d = g, neither decayed nor scaled. Then mu = momentum mu + d
    and w = w - lr mu.

    Args:
        params: parameters, or groups of them.
        lr: the learning rate; it is not part of the momentum's memory.
        momentum: how much of the past directions is kept.
        weight_decay: of the parameters with more than one dimension.
        trust: the length of a step, as a share of the parameter's own.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 0.001,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    direction = _direction(parameter, group["weight_decay"], group["trust"])
                    state = self.state[parameter]
                    if "momentum_buffer" in state:
                        state["momentum_buffer"].mul_(group["momentum"]).add_(direction)
                    else:
                        state["momentum_buffer"] = direction.clone()
                    parameter.add_(state["momentum_buffer"], alpha=-group["lr"])
        return loss


def _direction(parameter: Tensor, weight_decay: float, trust: float) -> Tensor:
    gradient = parameter.grad
    assert gradient is not None
    if parameter.ndim < 2:
        return gradient
    direction = gradient.add(parameter, alpha=weight_decay)
    own, length = parameter.norm(), direction.norm()
    # A norm of 0 scales nothing. The choice is made on the device: asking for it here would wait for the device.
    scale = torch.where((own > 0) & (length > 0), trust * own / length, torch.ones_like(own))
    return direction.mul_(scale)
