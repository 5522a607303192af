"""A model in, the same with a max pooling that the processor does fast out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaxPool2d(nn.MaxPool2d):
    """torch's, which on the CPU takes several times longer where channels do not lie side by side."""

    def forward(self, input: Tensor) -> Tensor:
        """[B, C, H, W] to the same numbers, and gradients, in the same layout as torch's."""
        pooled: Tensor
        if input.device.type != "cpu" or input.ndim != 4 or not input.is_contiguous():
            pooled = super().forward(input)
        else:
            sizes = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
            pooled = _Pooling.apply(input, sizes)
        return pooled


class _Pooling(torch.autograd.Function):
    """Channels lie side by side in the pooling alone: gradients go straight to where the largest numbers were."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, sizes: tuple[Any, ...]) -> Tensor:
        pooled, places = F.max_pool2d_with_indices(images.contiguous(memory_format=torch.channels_last), *sizes)
        if ctx.needs_input_grad[0]:
            ctx.shape = images.shape
            ctx.save_for_backward(places.contiguous())  # int64 [B, C, H', W'], each a place in H x W
        return pooled.contiguous()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        given = gradient.new_zeros(ctx.shape).flatten(2)  # [B, C, H x W]
        return given.scatter_add_(2, places.flatten(2), gradient.flatten(2)).reshape(ctx.shape), None


def hasten_pooling(model: nn.Module) -> None:
    """Let every max pooling of images in a model be this `MaxPool2d`; they stay the same objects, with their hooks."""
    for one in model.modules():
        if type(one) is nn.MaxPool2d and not one.return_indices:
            one.__class__ = MaxPool2d
