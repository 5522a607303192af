"""Started twice by torchrun: our batch normalisation over two processes beside torch's `SyncBatchNorm`, on one GPU.

    python -m torch.distributed.run --standalone --nproc_per_node 2 tests/batch_norms_on_gpu.py

Both get the same parts of the same batches for three steps; outputs, gradients and running statistics are compared.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

from randquant.methods.batch_norm import BatchNorm

CHANNELS = 5


def main() -> None:
    """An AssertionError where the two differ."""
    distributed.init_process_group("gloo")  # two processes share the GPU, which nccl does not allow
    rank = distributed.get_rank()
    norms = {"ours": BatchNorm(CHANNELS).cuda(), "torch": nn.SyncBatchNorm(CHANNELS).cuda()}
    for step in range(3):
        source = torch.Generator().manual_seed(step)
        values = torch.randn(12, CHANNELS, 7, generator=source) * 3 + 1
        weight = torch.randn(12, CHANNELS, 7, generator=source)
        own = slice(6 * rank, 6 * rank + 6)
        found: dict[str, list[Tensor]] = {}
        for name, norm in norms.items():
            leaf = values[own].cuda().requires_grad_()
            out = norm(leaf)
            norm.zero_grad()
            (out * weight[own].cuda()).sum().backward()
            found[name] = [
                out,
                leaf.grad,
                norm.weight.grad,
                norm.bias.grad,
                norm.running_mean.clone(),
                norm.running_var.clone(),
            ]
        for ours, theirs in zip(*found.values(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
