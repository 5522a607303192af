"""Settings and parameters in, an optimizer and its rate at each step out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from randquant.pretrain.lars import LARS
from randquant.settings import PretrainSettings, Schedule


def make_optimizer(groups: Sequence[dict[str, Any]], settings: PretrainSettings) -> Optimizer:
    """The optimizer that the settings name.

    Args:
        groups: parameters, with what is particular to them: `fixed_rate` true keeps a group's learning rate at its
            peak. Frozen parameters are left out.
        settings: optimizer, learning rate, momentum, decay.
    """
    split = [part for group in groups for part in _by_decay(group, settings)]
    if settings.optimizer == "adamw":
        return AdamW(split, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    kind = SGD if settings.optimizer == "sgd" else LARS
    return kind(
        split, lr=settings.learning_rate, momentum=settings.optimizer_momentum, weight_decay=settings.weight_decay
    )


def set_rate(optimizer: Optimizer, settings: PretrainSettings, step: int) -> float:
    """Give the groups their learning rate of a step, and return it."""
    step -= step % settings.rate_every
    rate = settings.learning_rate * rate_factor(step, settings.steps, settings.warmup, settings.schedule)
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate if group.get("fixed_rate") else rate
    return rate


def rate_factor(step: int, steps: int, warmup: float, schedule: Schedule) -> float:
    """What the peak learning rate is multiplied by: a linear warm-up from 0, then 1 or half a cosine down to 0."""
    rising = round(warmup * steps)
    if step < rising:
        return step / rising
    if schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


def _by_decay(group: dict[str, Any], settings: PretrainSettings) -> list[dict[str, Any]]:
    """The group, or two: matrices, and what has one dimension and does not decay."""
    trained: list[nn.Parameter] = [one for one in group["params"] if one.requires_grad]
    if settings.decay == "all":
        return [{**group, "params": trained}]
    flat = [one for one in trained if one.ndim < 2]
    matrices = [one for one in trained if one.ndim >= 2]
    split = [{**group, "params": matrices}, {**group, "params": flat, "weight_decay": 0.0}]
    return [part for part in split if part["params"]]
