"""What flows back through randomized quantization, against autograd through the definition in float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from randquant import randomized_quantize
from randquant.quantize import draw, reference


def through_the_definition(x: Tensor, weight: Tensor, fractions: draw.Fractions, per: str) -> Tensor:
    """The gradient of (quantized x * weight).sum() by autograd through `reference.quantize_scope`."""
    x = x.detach().clone().requires_grad_()
    batch, channels = x.shape[:2]
    if per == "batch":
        finite = x.isfinite()
        low = torch.where(finite, x, math.inf).amin((0, 2))
        high = torch.where(finite, x, -math.inf).amax((0, 2))
    rows = []
    for b in range(batch):
        scopes = [x[b, c] for c in range(channels)] if per != "sample" else [x[b].flatten()]
        for c, scope in enumerate(scopes):
            s = b * len(scopes) + c
            if fractions.applied is not None and not fractions.applied[s]:
                rows.append(scope)
                continue
            bins = len(fractions.edges[s]) + 1 if fractions.bins is None else int(fractions.bins[s])
            values = None if fractions.values is None else fractions.values[s, :bins]
            limits = (low[c], high[c]) if per == "batch" else None
            rows.append(reference.quantize_scope(scope, fractions.edges[s, : bins - 1], values, limits))
    y = torch.cat(rows).view_as(x)
    (torch.where(y.isfinite(), y, 0.0) * weight).sum().backward()
    assert x.grad is not None
    return x.grad


@settings(deadline=None, max_examples=80)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 30)),
    bins=st.one_of(st.integers(1, 64), st.just((2, 9))),
    values=st.sampled_from(["random", "midpoint"]),
    per=st.sampled_from(["channel", "sample", "batch"]),
    p=st.sampled_from([1.0, 0.5]),
    special=st.sampled_from(["none", "ties", "constant", "not finite"]),
    scale=st.sampled_from([1e-9, 1.0, 1e30]),
    backend=st.sampled_from(["reference", "torch", "numba"]),
    seed=st.integers(0, 2**31),
)
def test_range_gradient_is_that_of_the_definition(
    shape: tuple[int, int, int],
    bins: int | tuple[int, int],
    values: str,
    per: str,
    p: float,
    special: str,
    scale: float,
    backend: str,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    if special == "ties":
        x = (x / scale).round() * scale
    elif special == "constant":
        x[:, 0] = x[0, 0, 0]
    elif special == "not finite":
        x[0, 0, 0] = math.nan
        x[-1, -1, -1] = math.inf
    channels = 1 if per == "sample" else shape[1]
    fractions = draw.fractions(
        shape[0],
        channels,
        bins if isinstance(bins, tuple) else (bins, bins),
        uniform_edges=False,
        midpoint=values == "midpoint",
        p=p,
        shared=per == "batch",
        device=x.device,
        generator=torch.Generator().manual_seed(seed),
    )
    expected = through_the_definition(x, weight, fractions, per)
    x.requires_grad_()
    y = randomized_quantize(
        x, bins, values=values, per=per, p=p, generator=torch.Generator().manual_seed(seed), backend=backend
    )
    (torch.where(y.isfinite(), y, 0.0) * weight).sum().backward()
    assert x.grad is not None
    finite = x.detach().isfinite()  # what is not finite passes its gradient; the mask of the loss stops it here
    assert torch.allclose(x.grad[finite], expected[finite], rtol=1e-9, atol=1e-9)


def test_straight_through_and_none() -> None:
    x = torch.randn(4, 3, 20, requires_grad=True)
    weight = torch.randn(4, 3, 20)
    for gradient in ("straight_through", "none"):
        (randomized_quantize(x, gradient=gradient) * weight).sum().backward()
        assert x.grad is not None
        assert torch.equal(x.grad, weight if gradient == "straight_through" else torch.zeros_like(weight))
        x.grad = None


@pytest.mark.parametrize("gradient", ["range", "straight_through", "none"])
def test_what_is_not_quantized_passes_its_gradient(gradient: str) -> None:
    x = torch.randn(4, 3, 20)
    x[1, 1, 1] = math.nan
    x.requires_grad_()
    weight = torch.randn(4, 3, 20)
    untouched = randomized_quantize(x, p=0.0, gradient=gradient)
    (untouched.nan_to_num() * weight).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad.nan_to_num(), torch.where(x.detach().isnan(), 0, weight))
    x.grad = None
    quantized = randomized_quantize(x, gradient=gradient)
    quantized.backward(weight)
    assert x.grad is not None
    assert x.grad[1, 1, 1] == weight[1, 1, 1]


def test_given_limits_take_no_gradient() -> None:
    x = torch.randn(4, 3, 20, requires_grad=True)
    randomized_quantize(x, limits=(-3.0, 3.0)).sum().backward()
    assert x.grad is not None
    assert x.grad.count_nonzero() == 0


def test_only_two_elements_of_a_scope_set_its_range() -> None:
    x = torch.randn(4, 3, 20, requires_grad=True)
    randomized_quantize(x).sum().backward()
    assert x.grad is not None
    assert bool((x.grad.count_nonzero(-1) == 2).all())
    assert torch.allclose(x.grad.sum(-1), torch.tensor(20.0))  # shares of low and high add up to one an element


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_gradients_have_the_type_and_layout_of_the_input(dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 4, 5).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    randomized_quantize(x).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == dtype
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 40, 35), (2, 35, 40)])
def test_the_compiled_gradient_is_that_of_plain_torch_in_any_layout(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """35 and 40 channels side by side are whole tiles and a part of one."""
    x = torch.randn(shape).to(dtype)
    x[0, 3, 4] = math.nan
    x[1] = x[1].round()  # several set the range
    weight = torch.randn(shape).to(dtype)
    for channel_dim in (1, 2):
        gradients = []
        for backend in ("torch", "numba"):
            leaf = x.clone().requires_grad_()
            randomized_quantize(leaf, 8, channel_dim=channel_dim, p=0.7, keys=range(2), backend=backend).backward(
                weight
            )
            assert leaf.grad is not None
            gradients.append(leaf.grad.double())
        close = {"rtol": 0.02, "atol": 0.1} if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
        assert torch.allclose(*gradients, **close)


def test_no_graph_without_gradients() -> None:
    x = torch.randn(2, 3, 4, requires_grad=True)
    with torch.no_grad():
        assert not randomized_quantize(x).requires_grad
    assert randomized_quantize(x.detach()).grad_fn is None
