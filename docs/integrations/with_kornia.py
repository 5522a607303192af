"""# In kornia

kornia augments a batch on its device; randomized quantization does too, so it stands in an `ImageSequential` or an
`AugmentationSequential` as it is.

kornia can also repeat an augmentation from its parameters. Keys make that possible here: one whole number a sample is
all there is to remember. The class below, an intensity augmentation of kornia's own kind, draws and keeps them; masks,
boxes and keypoints pass untouched, and `p` and `same_on_batch` mean what they mean in kornia.

Checked with kornia 0.9.0.
"""

from __future__ import annotations

from typing import Any

import kornia.augmentation as K
import torch
from sklearn.datasets import load_digits

from randquant import RandomizedQuantization, randomized_quantize


class RandomRandomizedQuantization(K.IntensityAugmentationBase2D):
    """`randomized_quantize` with parameters that kornia keeps, so that it can be repeated."""

    def __init__(self, bins: int = 8, p: float = 1.0, same_on_batch: bool = False, keepdim: bool = False) -> None:
        super().__init__(p=p, same_on_batch=same_on_batch, keepdim=keepdim)
        self.bins = bins

    def generate_parameters(self, batch_shape: torch.Size) -> dict[str, torch.Tensor]:
        drawn = 1 if self.same_on_batch else batch_shape[0]
        return {"keys": torch.randint(2**62, (drawn,)).expand(batch_shape[0])}

    def apply_transform(
        self,
        input: torch.Tensor,
        params: dict[str, torch.Tensor],
        flags: dict[str, Any],
        transform: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return randomized_quantize(input, self.bins, keys=params["keys"])


def main() -> None:
    torch.manual_seed(0)
    images = torch.from_numpy(load_digits().images[:64]).float().unsqueeze(1) / 16  # [64, 1, 8, 8]

    plain = K.ImageSequential(K.RandomHorizontalFlip(), RandomizedQuantization(bins=4))
    assert all(len(view.unique()) <= 4 for view in plain(images)), "at most one value for each bin"

    masks = (images > 0.5).float()
    pair = K.AugmentationSequential(
        K.RandomHorizontalFlip(p=0.5), RandomRandomizedQuantization(bins=4), data_keys=["input", "mask"]
    )
    views, flipped = pair(images, masks)
    assert all(len(view.unique()) <= 4 for view in views)
    assert flipped.unique().tolist() == [0, 1], "a mask is flipped with its image and not quantized"
    again, _ = pair(images, masks, params=pair._params)
    assert torch.equal(views, again), "the same parameters, the same views"

    half = RandomRandomizedQuantization(bins=4, p=0.5)(images)
    untouched = sum(torch.equal(view, image) for view, image in zip(half, images, strict=True))
    assert 0 < untouched < 64, "p is the share of samples that are quantized"


if __name__ == "__main__":
    main()
