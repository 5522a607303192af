"""A vision transformer of timm in, the same as MoCo v3 has it out: its start, fixed positions, fixed patch projection.

Source: Chen, Xie and He, "An Empirical Study of Training Self-Supervised Vision Transformers", ICCV 2021; constants are
those of its published code.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

HEADS = {"vit_small": {"num_heads": 12}}  # where timm's has another number of them, 6
SLOWEST = 10_000.0  # the lowest frequency of the positions is 1 over it
CLASS_SPREAD = 1e-6  # of the class token's first values


def start_as_mocov3(model: Any) -> None:
    """Draw a transformer's weights as MoCo v3 does, and take positions and patch projection out of the training.

    Linear layers are uniform within Xavier's bound, queries, keys and values each as a layer of its own, biases 0; so
    is the patch projection, with the bound of three colours.

    Args:
        model: timm's VisionTransformer, without its head.
    """
    for name, one in model.named_modules():
        if isinstance(one, nn.Linear):
            _uniform(one, one.out_features // 3 if name.endswith("qkv") else one.out_features, one.in_features)
    nn.init.normal_(model.cls_token, std=CLASS_SPREAD)
    projection = model.patch_embed.proj
    _uniform(projection, model.embed_dim, 3 * math.prod(projection.kernel_size))
    projection.requires_grad_(False)
    with torch.no_grad():
        model.pos_embed.copy_(positions(model.patch_embed.grid_size, model.embed_dim))
    model.pos_embed.requires_grad_(False)


def positions(grid: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of a patch's row, then of its column: [1, 1 + patches, width], 0 for the class token."""
    frequencies = SLOWEST ** -(torch.arange(width // 4, dtype=torch.float32) / (width // 4))
    places = torch.cartesian_prod(*(torch.arange(size, dtype=torch.float32) for size in grid))  # [patches, 2]
    angles = places[:, :, None] * frequencies  # [patches, 2, width / 4]
    waves = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)  # [patches, width]
    return torch.cat([waves.new_zeros(1, width), waves])[None]


def _uniform(layer: nn.Linear | nn.Conv2d, leaving: int, entering: int) -> None:
    bound = math.sqrt(6 / (leaving + entering))
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
