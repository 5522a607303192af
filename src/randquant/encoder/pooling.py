"""A model in, the same with a max pooling that the processor does fast out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaxPool2d(nn.MaxPool2d):
    """torch's, which on the CPU takes several times longer where channels do not lie side by side."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, C, H, W] to the same numbers, and gradients, in the same layout as torch's."""
        pooled: Tensor
        if input.device.type != "cpu" or input.ndim != 4 or not input.is_contiguous():
            pooled = super().forward(input)
        else:
            pooled = super().forward(input.contiguous(memory_format=torch.channels_last)).contiguous()
        return pooled


def hasten_pooling(model: nn.Module) -> None:
    """Let every max pooling of images in a model be this `MaxPool2d`; they stay the same objects, with their hooks."""
    for one in model.modules():
        if type(one) is nn.MaxPool2d and not one.return_indices:
            one.__class__ = MaxPool2d
