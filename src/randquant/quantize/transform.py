"""Samples or batches in, the same with their data quantized out: the operation as a module."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as tree

from randquant.errors import UserError
from randquant.quantize.arguments import BackendName, Edges, Values, check_settings
from randquant.quantize.gradient import Gradient
from randquant.quantize.operation import outside_graphs, randomized_quantize
from randquant.quantize.scope import Per

_PIL_MODES = ("L", "LA", "RGB", "RGBA", "I", "F", "I;16")  # those that arrays keep; others would come back changed


class RandomizedQuantization(nn.Module):
    """`randomized_quantize` as a module, for models, and for torchvision's `transforms.v2.Compose`.

    Call it on a tensor, or on any tree of tuples, lists and dicts. In a tree with PIL images or torchvision's `Image`
    or `Video`, those are quantized, channel by channel and image by image, and all else passes untouched: labels,
    masks, boxes, plain tensors. In a tree without them the first plain tensor is, as torchvision's own transforms do.

    Args:
        bins, channel_dim, batch_dim, per, edges, values, p, limits, gradient, backend: as in `randomized_quantize`.
            channel_dim and batch_dim speak of plain tensors; images know their own. For single (C, H, W) tensors
            give channel_dim=0, batch_dim=None.

    Random numbers come from torch's default generator, so DataLoader workers draw different ones, or from `keys`.
    """

    def __init__(
        self,
        bins: int | tuple[int, int] = 8,
        *,
        channel_dim: int = 1,
        batch_dim: int | None = 0,
        per: Per = "channel",
        edges: Edges = "random",
        values: Values = "random",
        p: float = 1.0,
        limits: tuple[float | Tensor, float | Tensor] | None = None,
        gradient: Gradient = "range",
        backend: BackendName = "auto",
    ) -> None:
        super().__init__()
        check_settings(bins, per=per, edges=edges, values=values, p=p, gradient=gradient, backend=backend)
        self.settings = {
            "bins": bins,
            "channel_dim": channel_dim,
            "batch_dim": batch_dim,
            "per": per,
            "edges": edges,
            "values": values,
            "p": p,
            "limits": limits,
            "gradient": gradient,
            "backend": backend,
        }

    @outside_graphs
    def forward(self, *inputs: Any, keys: int | Sequence[int] | Tensor | None = None) -> Any:
        """Quantize one sample or batch.

        Args:
            inputs: a tensor or a tree; several are one tree, as torchvision passes (image, label).
            keys: one key a sample, as in `randomized_quantize`; a single image takes one, a video one a frame, and
                several images in a tree share theirs.

        Returns:
            The same tree, each leaf of the type, dtype and shape it had.
        """
        leaves, form = tree.tree_flatten(inputs[0] if len(inputs) == 1 else inputs)
        images = [i for i, leaf in enumerate(leaves) if _is_image(leaf)]
        chosen = images or [i for i, leaf in enumerate(leaves) if _is_plain(leaf)][:1]
        if not chosen:
            given = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
            raise UserError(f"inputs: {given} given; give a tensor, a PIL image, or a tree that holds one")
        for i in chosen:
            leaves[i] = self._leaf(leaves[i], keys)
        return tree.tree_unflatten(leaves, form)

    def extra_repr(self) -> str:
        defaults = RandomizedQuantization.__init__.__kwdefaults__ or {}
        shown = {name: value for name, value in self.settings.items() if name == "bins" or value != defaults[name]}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    def _quantize(self, x: Tensor, **changed: Any) -> Tensor:
        return randomized_quantize(x, **{**self.settings, **changed})

    def _leaf(self, leaf: Any, keys: Any) -> Any:
        if not _is_image(leaf):
            return self._quantize(leaf, keys=keys)
        if not isinstance(leaf, Tensor):
            return self._pil(leaf, keys)
        # [..., C, H, W]: every leading dimension counts samples.
        batch = leaf.as_subclass(Tensor).reshape(-1, *leaf.shape[-3:])
        quantized = self._quantize(batch, channel_dim=1, batch_dim=0, keys=keys).reshape(leaf.shape)
        return sys.modules["torchvision.tv_tensors"].wrap(quantized, like=leaf)

    def _pil(self, image: Any, keys: Any) -> Any:
        import numpy as np
        from PIL import Image

        if image.mode not in _PIL_MODES:
            allowed = ", ".join(_PIL_MODES)
            raise UserError(f"inputs: a PIL image of mode {image.mode!r} given; convert it to one of {allowed} first")
        stored = np.array(image)  # [H, W] or [H, W, C]
        pixels = torch.from_numpy(stored.astype(np.int32) if stored.dtype == np.uint16 else stored)
        bands = pixels if pixels.ndim == 3 else pixels.unsqueeze(-1)
        quantized = self._quantize(bands, channel_dim=2, batch_dim=None, keys=keys).reshape(pixels.shape)
        return Image.fromarray(quantized.numpy().astype(stored.dtype, copy=False))


def _is_plain(leaf: Any) -> bool:
    """Whether a leaf is a tensor, and none of torchvision's that mean something: a mask, boxes."""
    vision = sys.modules.get("torchvision.tv_tensors")
    return isinstance(leaf, Tensor) and not (vision is not None and isinstance(leaf, vision.TVTensor))


def _is_image(leaf: Any) -> bool:
    """Whether a leaf is a PIL image or torchvision's Image or Video; imports neither library."""
    vision, pil = sys.modules.get("torchvision.tv_tensors"), sys.modules.get("PIL.Image")
    return (vision is not None and isinstance(leaf, vision.Image | vision.Video)) or (
        pil is not None and isinstance(leaf, pil.Image)
    )
