"""Numbers of one process's samples in, the same normalised over the global batch out: batch normalisation.

With one process it is torch's. torch's own for several, `SyncBatchNorm`, has no CPU path.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from randquant import world
from randquant.errors import UserError

_TORCHS_OWN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class BatchNorm(_BatchNorm):
    """Batch normalisation with the statistics of all processes: [B, C, ...] to the same shape.

    Arguments, parameters and buffers are those of `torch.nn.BatchNorm1d`. In eval mode it looks at this process's
    samples alone, as torch's does.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions after [B, C] will do."""

    def forward(self, input: Tensor) -> Tensor:
        """Every process must call it, with as many samples as the others."""
        if world.size() == 1 or not self.training:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        others = [dim for dim in range(values.ndim) if dim != 1]
        shape = [-1 if dim == 1 else 1 for dim in range(values.ndim)]
        mean = world.total(values.mean(others)) / world.size()  # [C]
        centred = values - mean.reshape(shape)
        variance = world.total(centred.square().mean(others)) / world.size()  # [C]
        count = world.size() * values.numel() // len(mean)
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        normalised = centred * (variance + self.eps).rsqrt().reshape(shape)
        if self.affine:
            normalised = normalised * self.weight.reshape(shape) + self.bias.reshape(shape)
        return normalised.to(input.dtype)

    def _remember(self, mean: Tensor, unbiased: Tensor) -> None:
        """Move the running statistics towards those of a batch, or, without a momentum, to the mean of all batches."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)


def share_batch_norms(module: nn.Module) -> None:
    """Let every batch normalisation of torch's inside a module, itself included, look at the global batch.

    They stay the same objects, with their parameters, buffers and hooks.

    Raises:
        UserError: one is of a class of its own, so that nobody knows what else it does.
    """
    for name, one in module.named_modules():
        if type(one) in _TORCHS_OWN:
            one.__class__ = BatchNorm
        elif isinstance(one, _BatchNorm) and type(one) is not BatchNorm:
            raise UserError(
                f"encoder: {name} is a {type(one).__name__}, which several processes cannot share; "
                "take one of torch's own, or a single process"
            )
