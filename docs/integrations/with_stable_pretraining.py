"""# In stable-pretraining

stable-pretraining passes samples as dicts, and its transforms name the entry they act on. `WrapTorchTransform` puts any
torchvision transform on one entry, and so it does with randomized quantization: here on "image", twice, for the two
views of a `MultiViewTransform`.

The same wrapped module stands in a `GPUCompose`, the `gpu_transform` of a dataset: it then acts on a batch at a time,
on its device, which costs less.

Checked with stable-pretraining 0.1.8.
"""

from __future__ import annotations

import stable_pretraining as spt
import torch
from sklearn.datasets import load_digits
from stable_pretraining.data import transforms
from torch import nn
from torch.utils.data import DataLoader, Dataset

from randquant import RandomizedQuantization

QUANTIZE = transforms.WrapTorchTransform(RandomizedQuantization(bins=8), source="image", target="image")
VIEW = transforms.Compose(
    transforms.ToImage(scale=False), transforms.RandomResizedCrop((8, 8), scale=(0.5, 1.0)), QUANTIZE
)


class Digits(Dataset):
    """8x8 digits as {"image", "label"}, turned into {"views": [...]}."""

    def __init__(self) -> None:
        self.pixels, self.labels = load_digits(return_X_y=True)
        self.transform = transforms.MultiViewTransform([VIEW, VIEW])

    def __len__(self) -> int:
        return 256

    def __getitem__(self, index: int) -> dict[str, list[dict[str, object]]]:
        return self.transform({"image": self.pixels[index].reshape(8, 8, 1), "label": int(self.labels[index])})


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    criterion = spt.losses.NTXEntLoss(temperature=0.2)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32))
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        for batch in DataLoader(Digits(), batch_size=64, shuffle=True):
            first, second = (view["image"] for view in batch["views"])
            assert all(len(image.unique()) <= 8 for image in first), "at most one value for each bin"
            loss = criterion(encoder(first), encoder(second))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0], "the two views of a sample find each other"

    on_device = spt.data.GPUCompose([QUANTIZE])
    batch = on_device({"image": torch.rand(32, 3, 8, 8), "label": torch.arange(32)})
    assert all(len(channel.unique()) <= 8 for channel in batch["image"].flatten(0, 1)), "a channel has bins of its own"
    assert torch.equal(batch["label"], torch.arange(32))


if __name__ == "__main__":
    main()
