"""A frozen encoder and labelled photographs in, a linear layer's accuracy after every epoch out: the ImageNet probe.

Source: the linear classification of MoCo v3's published code. Features are read anew from random crops in every epoch,
so the probe of `randquant probe`, which reads each sample once, is no stand-in for it where published figures matter.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from randquant.data import Dataset
from randquant.data.reading import Cut
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.finetune.loop import Classifier, judge
from randquant.methods import PARTNERS, Chain
from randquant.pretrain.feed import feed
from randquant.quantize.draw import torch_seed
from randquant.settings import MethodSettings

EPOCHS = 90
BATCH = 1024
BASE = 0.1  # learning rate for 256 samples; 3 for vision transformers
AREA = 0.08  # the smallest crop
SPREAD = 0.01  # of the layer's first weights


def linear_probe(
    encoder: Encoder,
    dataset: Dataset,
    *,
    epochs: int = EPOCHS,
    batch: int = BATCH,
    base: float = BASE,
    seed: int = 0,
    workers: int = 0,
) -> list[dict[str, Any]]:
    """Train a linear layer on the features of random crops, the encoder in eval mode and unchanged.

    Args:
        encoder: on the device that is wanted.
        dataset: photographs with classes, in parts `train` and `test`.
        epochs, batch, base: of the training; the learning rate is base * batch / 256, and falls to 0 as half a cosine,
            once an epoch.
        seed: names the first weights, the order, and the crops.
        workers: processes that read.

    Returns:
        a line an epoch: `epoch`, `loss`, `learning_rate`, `test_accuracy`. The published code keeps the best epoch,
        chosen on the test part; the last one is the figure that nothing has chosen.

    Raises:
        UserError: the data has no classes, no test part, or fewer samples than a batch.
    """
    dataset.check_classes("data", encoder.spec)
    target, samples = dataset.spec.target, dataset.parts["train"]
    assert target is not None
    steps = len(samples.ids) // batch
    if "test" not in dataset.parts or not steps:
        raise UserError(f"data: {dataset.name} needs a test part, and {batch} training samples for a batch")
    device = next(encoder.parameters()).device
    classifier = probe_of(encoder, target.size, seed).to(device).eval()
    chain, head = classifier.chain, classifier.head
    optimizer = torch.optim.SGD(head.parameters(), lr=base * batch / 256, momentum=0.9, weight_decay=0.0)
    batches = feed(samples, device, seed=seed, batch=batch, workers=workers, cut=Cut(1, AREA))
    lines = []
    for epoch in range(epochs):
        rate, summed = set_rate(optimizer, base * batch / 256, epoch, epochs), 0.0
        for _ in range(steps):
            some, draws = next(batches)
            assert some.target is not None
            with torch.no_grad():
                features = encoder(chain.change(some.inputs, draws, 0))
            loss = F.cross_entropy(head(features), some.target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            summed += loss.item() / steps
        accuracy, _ = judge(classifier, dataset.parts["test"], workers)
        lines.append({"epoch": epoch + 1, "loss": summed, "learning_rate": rate, "test_accuracy": accuracy})
    batches.close()
    return lines


def probe_of(encoder: Encoder, classes: int, seed: int) -> Classifier:
    """The encoder with a fresh layer: weights of a spread of 0.01, no bias yet; crops and flips before it."""
    details = MethodSettings(crop_area=AREA)
    chain = sum((PARTNERS[word](encoder.spec, details) for word in ("rrc", "flip")), Chain())
    classifier = Classifier(encoder, classes, seed, chain)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, "probe"))
        nn.init.normal_(classifier.head.weight, std=SPREAD)
    nn.init.zeros_(classifier.head.bias)
    return classifier


def set_rate(optimizer: torch.optim.Optimizer, peak: float, epoch: int, epochs: int) -> float:
    """Give the optimizer its learning rate of an epoch, from 0, and return it."""
    rate = peak * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
