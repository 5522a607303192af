"""# On the device, in a training step

The whole batch at once, on the device where it is trained, is where randomized quantization costs least: one call, and
still other bins for every channel of every sample. Two calls make two views. Nothing is learned in it, so it stands
outside the model; `torch.compile` of the model does not see it.

`Draws` names the numbers by seed, epoch, sample and view. A resumed run, another batch size or another number of
devices then trains on the same views. Without keys, leave `keys=` out: torch's generator decides.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from randquant import randomized_quantize
from randquant.quantize.draw import Draws

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    images = torch.from_numpy(load_digits().images).float().unsqueeze(1).to(DEVICE)  # [1797, 1, 8, 8]
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 32)).to(DEVICE)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-3)
    losses = []
    for epoch in range(5):
        for ids in torch.randperm(len(images), device=DEVICE).split(256):
            draws = Draws(seed=0, epoch=epoch, ids=ids)
            first, second = (
                randomized_quantize(images[ids], bins=8, keys=draws.keys("view", view)) for view in range(2)
            )
            query, key = F.normalize(encoder(first)), F.normalize(encoder(second))
            loss = F.cross_entropy(query @ key.T / 0.2, torch.arange(len(ids), device=DEVICE))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0], "the two views of a sample find each other"


if __name__ == "__main__":
    main()
