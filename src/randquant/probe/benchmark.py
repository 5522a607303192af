"""Frozen features and targets in, the score of the DABS benchmark's own head out.

One linear layer on the features as they are, trained by AdamW at a constant rate of 1e-4 for 100 epochs, scored once at
the end over the whole test part, or batch by batch as the benchmark scores correlations. The benchmark encodes every
training sample anew in every epoch, with the encoder's dropout on; here each is encoded once, without it, unless that
is asked for.

Source: A. Tamkin et al., "DABS: A Domain-Agnostic Benchmark for Self-Supervised Learning", NeurIPS 2021, and its code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data import Metric
from randquant.errors import UserError
from randquant.probe.blocks import PartScore
from randquant.probe.metrics import METRICS, Scores, Targets, part_scorer
from randquant.probe.score import Features, Score, check_features
from randquant.quantize.draw import Draws, torch_seed
from randquant.spec import Target

Look = Callable[[int, Tensor], Tensor]  # an epoch and rows [B] in, features [B, D] out
EPOCHS = 100
RATE = 1e-4
DECAY = 1e-4


def score_benchmark(
    train: Features,
    train_targets: Targets,
    test: Features,
    test_targets: Targets,
    *,
    target: Target,
    metric: Metric,
    batch: int,
    seed: int = 0,
    epochs: int = EPOCHS,
    faithful: bool = False,
    anew: Look | None = None,
) -> list[Score]:
    """Train the head on all labels and score it.

    Args:
        train, test: float [N, D], one row a sample.
        train_targets, test_targets: classes [N], 0 and 1 [N] or [N, findings], or numbers [N].
        target: what a label is; it chooses the loss, as the benchmark does: cross-entropy, the same with a sigmoid for
            yes or no, or the squared error.
        metric: what the head is scored by.
        batch: samples in a step; what is left of an epoch and fills none is left out, as in the benchmark, unless there
            are fewer samples than that.
        seed: names the first weights and the order of the samples.
        epochs: of training.
        faithful: whether a correlation is the mean over batches, as in the benchmark, instead of that of the whole test
            part. Accuracy is the same number both ways.
        anew: encodes the training samples of a batch once more; without it, the head sees `train` in each epoch.

    Raises:
        UserError: features that are not finite, parts without samples, or a mean over batches that is no number.
    """
    check_features("training", train, train_targets)
    check_features("test", test, test_targets)
    head = train_head(train, train_targets, target=target, batch=batch, seed=seed, epochs=epochs, anew=anew)
    with torch.inference_mode():
        scores = head(torch.from_numpy(test.astype(np.float32))).double().numpy()
    if test_targets.ndim == 1 and target.kind != "class":
        scores = scores[:, 0]
    part: PartScore | None = part_scorer(metric, scores, test_targets)
    if faithful and metric in ("pearson", "spearman"):
        part = None  # a batch without some of its samples is another batch
        value = mean_over_batches(scores, test_targets, metric=metric, batch=batch)
        if not np.isfinite(value):
            raise UserError(
                f"dabs_faithful: the mean of {metric} over batches of {batch} test samples is no number, for in one of "
                "them all outputs or all labels are the same; without it, the metric is that of the whole test part"
            )
    else:
        value = METRICS[metric](scores, test_targets)
    return [Score(f"linear_{metric.removesuffix('_macro')}", "all", 0, value, part)]


def mean_over_batches(scores: Scores, targets: Targets, *, metric: Metric, batch: int) -> float:
    """The metric of each batch, in order and the short last one too, averaged by their numbers of samples.

    Where all scores or all targets of a batch are the same, its Pearson correlation, and with it the mean, is NaN; its
    Spearman correlation is 0. So they are in torchmetrics 0.6.2, which the benchmark names.

    Args:
        scores, targets: [N].
        metric: a correlation.
        batch: samples of a batch.
    """
    total = 0.0
    for start in range(0, len(targets), batch):
        some, told = scores[start : start + batch], targets[start : start + batch]
        unknown = metric == "pearson" and not (np.ptp(some) and np.ptp(told))
        total += len(told) * (np.nan if unknown else METRICS[metric](some, told))
    return total / len(targets)


def train_head(
    features: Features,
    targets: Targets,
    *,
    target: Target,
    batch: int,
    seed: int,
    epochs: int,
    anew: Look | None = None,
) -> nn.Linear:
    """The linear layer after so many epochs; arguments as above."""
    rows_of, labels = torch.from_numpy(features.astype(np.float32)), torch.from_numpy(targets)
    if target.kind != "class":
        labels = labels.float().reshape(len(labels), -1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(seed, "head"))
        head = nn.Linear(rows_of.shape[1], target.size)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    ids = torch.arange(len(rows_of))
    batch = min(batch, len(ids))
    for epoch in range(epochs):
        order = Draws(seed, epoch, ids).permutation("head")
        for start in range(0, len(order) - batch + 1, batch):
            rows = order[start : start + batch]
            seen = rows_of[rows] if anew is None else anew(epoch, rows)
            loss_of(head(seen), labels[rows], target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
    return head


def loss_of(outputs: Tensor, labels: Tensor, target: Target) -> Tensor:
    """The benchmark's loss for this kind of target, a scalar; outputs [B, size], labels [B] or [B, size]."""
    if target.kind == "class":
        return F.cross_entropy(outputs, labels)
    if target.kind == "regression":
        return F.mse_loss(outputs, labels)
    return F.binary_cross_entropy_with_logits(outputs, labels)
