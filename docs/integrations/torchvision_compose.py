"""# In torchvision's `transforms.v2.Compose`, in DataLoader workers

`RandomizedQuantization` stands in a `Compose` like any other transform. It knows an image when it meets one, whether
PIL or `tv_tensors.Image`, and leaves the label, masks and boxes beside it alone. Put it last, or before the
normalisation: quantizing commutes with a positive scale and a shift of each channel.

Unkeyed, every worker draws from its own torch generator, so each sample gets another view in each epoch, and the views
depend on the number of workers. Keyed, a view depends on seed, epoch and sample alone: any number of workers, any
order and any batch size give the same views. A `Compose` has no place for a key, so the dataset passes it.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from randquant import RandomizedQuantization
from randquant.quantize.draw import Draws

BEFORE = v2.Compose([v2.ToImage(), v2.Resize(16), v2.ToDtype(torch.float32)])
QUANTIZE = RandomizedQuantization(bins=4)


class Digits(Dataset):
    """8x8 digits as (image, label); `key_epoch` is None for views without keys."""

    def __init__(self, key_epoch: int | None = None) -> None:
        self.pixels, self.labels = load_digits(return_X_y=True)
        self.key_epoch = key_epoch
        self.transform = v2.Compose([BEFORE, QUANTIZE])

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        sample = self.pixels[index].reshape(8, 8, 1), int(self.labels[index])
        if self.key_epoch is None:
            return self.transform(*sample)
        keys = Draws(seed=0, epoch=self.key_epoch, ids=torch.tensor([index])).keys("view")
        return QUANTIZE(*BEFORE(*sample), keys=keys)


def views(dataset: Digits, workers: int) -> torch.Tensor:
    """One epoch of views, [64, 1, 16, 16]."""
    loader = DataLoader(dataset, batch_size=16, num_workers=workers)
    return torch.cat([images for images, labels in loader])


def main() -> None:
    torch.manual_seed(0)
    keyed = views(Digits(key_epoch=0), workers=0)
    assert keyed.shape == (64, 1, 16, 16)
    assert torch.equal(keyed, views(Digits(key_epoch=0), workers=2)), "the same views from any number of workers"
    assert not torch.equal(keyed, views(Digits(key_epoch=1), workers=0)), "others in the next epoch"

    first, second = views(Digits(), workers=2), views(Digits(), workers=2)
    assert all(len(view.unique()) <= 4 for view in first), "at most one value for each bin"
    assert not any(torch.equal(*pair) for pair in zip(first, second, strict=True)), "new views in every epoch"


if __name__ == "__main__":
    main()
