"""# In lightly

lightly makes views with a `MultiViewTransform`: a list of transforms, one a view. Randomized quantization is one more
step of them. Here each view is a crop followed by it, in place of the colour jitter, grey scale and blur that know what
a photograph is; the loss and the projection head are lightly's own.

Checked with lightly 1.6.0.
"""

from __future__ import annotations

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.multi_view_transform import MultiViewTransform
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from randquant import RandomizedQuantization

VIEW = v2.Compose(
    [
        v2.ToImage(),
        v2.RandomResizedCrop(8, scale=(0.5, 1.0)),
        v2.ToDtype(torch.float32),
        RandomizedQuantization(bins=8),
    ]
)


class Digits(Dataset):
    """8x8 digits as (views, label)."""

    def __init__(self) -> None:
        self.pixels, self.labels = load_digits(return_X_y=True)
        self.transform = MultiViewTransform([VIEW, VIEW])

    def __len__(self) -> int:
        return 512

    def __getitem__(self, index: int) -> tuple[list[torch.Tensor], int]:
        return self.transform(self.pixels[index].reshape(8, 8, 1)), int(self.labels[index])


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU())
    head = SimCLRProjectionHead(128, 128, 32)
    criterion = NTXentLoss(temperature=0.2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3)
    losses = []
    for _ in range(4):
        for (first, second), _labels in DataLoader(Digits(), batch_size=128, shuffle=True):
            assert all(len(view.unique()) <= 8 for view in first), "at most one value for each bin"
            loss = criterion(head(encoder(first)), head(encoder(second)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0], "the two views of a sample find each other"


if __name__ == "__main__":
    main()
