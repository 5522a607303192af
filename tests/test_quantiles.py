"""Edges among the elements: every backend as the definition has it, far elements without effect, gradients, errors."""

from __future__ import annotations

import importlib.util
from typing import Literal

import pytest
import torch
from torch import Tensor

from randquant import UserError, randomized_quantize
from randquant.quantize import draw, reference
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.scope import scopes

FAST = ("torch", *(("numba",) if importlib.util.find_spec("numba") else ()))
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int16, torch.int64)
Per = Literal["channel", "sample", "batch"]
PERS: tuple[Per, ...] = ("channel", "sample", "batch")


def heavy(dtype: torch.dtype, *shape: int) -> Tensor:
    """Elements with a heavy tail, ties, and, where the type has them, some that are not finite."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) ** 5
    if not dtype.is_floating_point:
        return x.mul(9).clamp(0, 120).to(dtype)
    x[0, 0, :3] = 0.25
    x[0, 0, 3], x[0, 1, 4] = torch.nan, torch.inf
    x[1, 0] = torch.nan
    return x.to(dtype)


def same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.double().nan_to_num(1e9, 2e9), other.double().nan_to_num(1e9, 2e9))


@pytest.mark.parametrize("dtype", DTYPES)
def test_backends_give_what_the_definition_gives(dtype: torch.dtype) -> None:
    for shape, channel_dim in (((2, 2, 30), 1), ((2, 20, 12), 2)):
        x = heavy(dtype, *shape)
        for per in PERS:
            for bins, values in ((1, "random"), (8, "midpoint"), ((3, 9), "random"), (20, "random")):
                views = []
                for backend in ("reference", *FAST):
                    torch.manual_seed(1)
                    views.append(
                        randomized_quantize(
                            x, bins, channel_dim=channel_dim, per=per, edges="quantile", values=values, p=0.7,
                            backend=backend,
                        )  # type: ignore[call-overload]
                    )  # fmt: skip
                assert all(same(view, views[0]) for view in views[1:]), (shape, per, bins, values)
    expected, *found = (
        randomized_quantize(x, 8, edges="quantile", keys=torch.arange(2), backend=one)  # type: ignore[arg-type]
        for one in ("reference", *FAST)
    )
    assert all(same(one, expected) for one in found)


def test_keys_are_all_that_a_view_depends_on() -> None:
    x = heavy(torch.float32, 4, 3, 50)
    views = randomized_quantize(x, 8, edges="quantile", keys=torch.arange(4))
    again = randomized_quantize(x[2:], 8, edges="quantile", keys=torch.tensor([2, 3]), backend="torch")
    assert same(views[2:], again)
    assert not same(views, randomized_quantize(x, 8, edges="quantile", keys=torch.arange(1, 5)))


def test_far_elements_change_no_other_elements_bin() -> None:
    x = torch.rand(1, 1, 2000, generator=torch.Generator().manual_seed(0))
    far = x.clone()
    far[0, 0, x[0, 0].argmax()] = 1e6
    keys = torch.tensor([3])
    near, moved = (randomized_quantize(one, 8, edges="quantile", keys=keys)[0, 0] for one in (x, far))
    same_bin = near == moved
    top = near == near.max()
    assert bool(same_bin[~top].all())  # only the last bin's value may lie between the far element and its neighbour
    plain = randomized_quantize(far, 8, keys=keys)[0, 0]
    assert len(plain.unique()) == 2  # in the range, one bin holds all but one
    assert len(moved.unique()) == 8


def test_a_bin_holds_a_share_of_the_elements_and_its_value_is_one_of_theirs() -> None:
    x = heavy(torch.float32, 3, 2, 400)[:1].nan_to_num(0.0, 0.0)
    view = quantize_with_bins(x, 8, torch.tensor([5]), edges="quantile")
    bounds = torch.cat([x.amin(2, keepdim=True), view.edges, x.amax(2, keepdim=True)], 2)
    assert bool((view.values >= bounds[..., :-1]).all() and (view.values <= bounds[..., 1:]).all())
    u = draw.fractions(
        1, 2, (8, 8), uniform_edges=False, midpoint=False, p=1.0, shared=False, device=x.device, keys=torch.tensor([5])
    ).edges
    share = (x[..., None] < view.edges[:, :, None]).double().mean(2)[0]  # [C, R-1]
    spread = x[0, 0].unique().numel() == 400  # ties would blur shares
    assert torch.allclose(share[1], u[1].double(), atol=2 / 400) or not spread


def test_what_is_constant_or_short_comes_back() -> None:
    constant = torch.full((2, 1, 9), 0.3, dtype=torch.float64)
    assert torch.equal(randomized_quantize(constant, 8, edges="quantile"), constant)
    pair = torch.tensor([[[0.0, 1.0]]])
    seen = randomized_quantize(pair, 4, edges="quantile", generator=torch.Generator().manual_seed(0))
    assert 0 <= float(seen.min()) <= float(seen.max()) <= 1
    table = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) ** 5
    assert len(randomized_quantize(table, 4, per="batch", edges="quantile")[:, 1].unique()) <= 4


@pytest.mark.parametrize("per", PERS)
def test_the_gradient_is_that_of_the_definition(per: Per) -> None:
    x = torch.randn(2, 3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.randn(2, 3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    view = randomized_quantize(x, 4, per=per, edges="quantile")
    (gradient,) = torch.autograd.grad((view * weights).sum(), x)
    layout = scopes(x, 1, 0, per)
    rows = layout.of(x)
    torch.manual_seed(2)
    u, v, *_ = draw.fractions(
        *rows.shape[:2], (4, 4), uniform_edges=False, midpoint=False, p=1.0, shared=per == "batch", device=x.device
    )
    assert v is not None
    quantized = [
        reference.quantile_scope(row, u[s], v[s], rows[:, s % len(sample)].flatten() if per == "batch" else row)
        for b, sample in enumerate(rows)
        for s, row in enumerate(sample, b * len(sample))
    ]
    expected = layout.restore(torch.stack(quantized).view(rows.shape), x)
    assert torch.equal(view, expected)
    (by_definition,) = torch.autograd.grad((expected * weights).sum(), x)
    assert torch.allclose(gradient, by_definition, atol=1e-12)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"limits": (0.0, 1.0)}, "limits: edges=.quantile. lie among the elements"),
        ({"backend": "triton"}, "backend: .triton. has no edges=.quantile."),
        ({"edges": "quantiles"}, "edges: 'quantiles' given; allowed are random, uniform, quantile"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        randomized_quantize(torch.rand(2, 3, 4), **{"edges": "quantile", **given})  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r'quantiles need several: give per="batch"'):
        randomized_quantize(torch.rand(5, 3), edges="quantile")
