"""optimizers: rates at given steps, groups, and LARS against the recipe's formula written with plain numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from randquant.pretrain.lars import LARS
from randquant.pretrain.optimizers import make_optimizer, rate_factor, set_rate
from randquant.settings import PretrainSettings


def settings(**changes: Any) -> PretrainSettings:
    return PretrainSettings(data="digits", out=Path("nowhere"), **changes)


def test_lars_is_the_recipe() -> None:
    """Five steps, one number after another in float64; a matrix, a vector, a matrix of zeros."""
    generator = torch.Generator().manual_seed(0)
    made = [torch.randn(3, 2, generator=generator).double(), torch.randn(3, generator=generator).double()]
    parameters = [nn.Parameter(one.clone()) for one in [*made, torch.zeros(2, 2).double()]]
    gradients = [[torch.randn(one.shape, generator=generator).double() for one in parameters] for _ in range(5)]
    optimizer = LARS(parameters, lr=0.7, momentum=0.9, weight_decay=0.3)
    expected = [one.detach().numpy().copy() for one in parameters]
    memory = [np.zeros_like(one) for one in expected]
    for given in gradients:
        for parameter, gradient in zip(parameters, given, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
        for weight, mu, gradient in zip(expected, memory, given, strict=True):
            d = gradient.numpy().copy()
            if weight.ndim > 1:
                d = d + 0.3 * weight
                lengths = math.sqrt((weight**2).sum()), math.sqrt((d**2).sum())
                if 0 not in lengths:
                    d = d * 0.001 * lengths[0] / lengths[1]
            mu[...] = 0.9 * mu + d
            weight -= 0.7 * mu
    for parameter, weight in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), weight, rtol=1e-12, atol=1e-15)


def test_lars_leaves_alone_what_has_no_gradient_and_no_size() -> None:
    still, zero = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    zero.grad = torch.zeros(2, 2)
    LARS([still, zero], lr=1.0).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert torch.equal(zero, torch.ones(2, 2))


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("cosine", 0, 0.0),  # the recipes' warm-up: nothing moves in the first step
        ("cosine", 5, 0.5),
        ("cosine", 10, 1.0),
        ("cosine", 55, 0.5),
        ("cosine", 99, (1 + math.cos(math.pi * 89 / 90)) / 2),
        ("constant", 5, 0.5),
        ("constant", 99, 1.0),
    ],
)
def test_rates(schedule: Any, step: int, factor: float) -> None:
    given = settings(steps=100, warmup=0.1, schedule=schedule, learning_rate=0.4)
    assert rate_factor(step, 100, 0.1, schedule) == pytest.approx(factor, abs=1e-12)
    free, fixed = (nn.Parameter(torch.ones(1)) for _ in range(2))
    optimizer = make_optimizer([{"params": [free]}, {"params": [fixed], "fixed_rate": True}], given)
    assert set_rate(optimizer, given, step) == pytest.approx(0.4 * factor)
    assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(0.4 * factor), 0.4]


@pytest.mark.parametrize("name", ["adamw", "sgd", "lars"])
def test_groups_without_decay(name: Any) -> None:
    layer = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    layer[0].weight.requires_grad_(False)
    head = nn.Linear(2, 2)
    groups = [{"params": list(layer.parameters())}, {"params": list(head.parameters()), "fixed_rate": True}]
    everything = make_optimizer(groups, settings(optimizer=name, weight_decay=0.25)).param_groups
    assert [len(group["params"]) for group in everything] == [3, 2]
    assert [group["weight_decay"] for group in everything] == [0.25, 0.25]
    parts = make_optimizer(groups, settings(optimizer=name, weight_decay=0.25, decay="matrices")).param_groups
    assert [(len(one["params"]), one["weight_decay"], one.get("fixed_rate", False)) for one in parts] == [
        (3, 0.0, False),
        (1, 0.25, True),
        (1, 0.0, True),
    ]
    assert all(one["params"][0].ndim == 2 for one in parts if one["weight_decay"])


def test_the_momentum_is_the_settings() -> None:
    parameter = [{"params": [nn.Parameter(torch.ones(2, 2))]}]
    for name in ("sgd", "lars"):
        optimizer = make_optimizer(parameter, settings(optimizer=name, optimizer_momentum=0.8))
        assert [group["momentum"] for group in optimizer.param_groups] == [0.8]
