"""Tensors and keys in, what one launch draws and maps compared with numbers drawn before; run as `triton_cases.py` is.

What the threads of a program write, others of it read: an error here may show on a GPU alone.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from randquant import randomized_quantize
from randquant.quantize import draw, operation
from randquant.quantize.gpu import keyed as gpu_keyed
from randquant.quantize.gpu import plan as gpu_plan
from randquant.quantize.gpu import walk as gpu_walk
from randquant.quantize.scope import FLOATS, INTEGERS
from triton_cases import DEVICE, LAYOUTS, laid_out, numbers, pytestmark

__all__ = ["pytestmark"]  # of this file too

IDS = torch.tensor([0, -1, 2**63 - 1, -(2**63), *range(77, 82)])


def named(samples: int, view: int = 1) -> draw.Keys:
    return draw.Draws(5, 2, IDS[:samples].to(DEVICE)).named("rq/embeddings", view)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[gpu_keyed.Keyed]:
    """Those that were taken by one launch."""
    taken: list[gpu_keyed.Keyed] = []
    real = gpu_keyed.Keyed.quantized

    def quantized(self: gpu_keyed.Keyed, x: Tensor) -> Tensor:
        taken.append(self)
        return real(self, x)

    monkeypatch.setattr(gpu_keyed.Keyed, "quantized", quantized)
    return taken


def by_both(x: Tensor, upstream: Tensor | None, **arguments: object) -> list[Tensor]:
    """The quantized x, its gradient if there is one upstream, and the same from numbers that were drawn before."""
    found = []
    for known in (operation._known, lambda *_: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(operation, "_known", known)
            leaf = x.detach().requires_grad_(upstream is not None)
            y = randomized_quantize(leaf, backend="triton", **arguments)
            found.append(y.detach())
            if upstream is not None:
                y.backward(upstream)
                assert leaf.grad is not None
                found.append(leaf.grad)
    return found


def assert_same(x: Tensor, ways: list[gpu_keyed.Keyed], upstream: Tensor | None = None, **arguments: object) -> None:
    """Bit for bit as drawn before, and as the definition on the CPU has it."""
    ways.clear()
    found = by_both(x, upstream, **arguments)
    assert len(ways) == 1
    half = len(found) // 2
    for got, expected in zip(found[:half], found[half:], strict=True):
        assert got.stride() == expected.stride()
        torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)
    keys = arguments["keys"]
    arguments["keys"] = draw.Keys(keys.ids.cpu(), *keys[1:]) if isinstance(keys, draw.Keys) else keys
    on_cpu = torch.empty_like(x, device="cpu").copy_(x)
    truth = randomized_quantize(on_cpu, backend="reference", **arguments)
    torch.testing.assert_close(found[0].cpu(), truth, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(("dtype", "layout"), list(zip(FLOATS + INTEGERS, LAYOUTS * 2, strict=False)))
def test_every_type(dtype: torch.dtype, layout: str, ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((2, 3, 40), dtype, 100.0, 1)
    if dtype in FLOATS:
        x[0, 0, :3] = torch.tensor([math.nan, math.inf, -math.inf], dtype=dtype)
        x[1, 1] = math.nan
    x[1, 2] = 7
    assert_same(laid_out(x, layout), ways, keys=named(2))


@pytest.mark.parametrize(("dtype", "layout"), list(zip([torch.float32, torch.bfloat16] * 3, LAYOUTS, strict=False)))
def test_gradients(dtype: torch.dtype, layout: str, ways: list[gpu_keyed.Keyed]) -> None:
    x = laid_out(numbers((3, 9, 30), dtype, 1.0, 2), layout)
    x[0, 0, :2] = math.inf
    for other in ("elements side by side", "apart"):
        assert_same(x, ways, laid_out(numbers((3, 9, 30), dtype, 1.0, 3), other), keys=named(3))
    assert_same(x, ways, torch.ones((), dtype=dtype, device=DEVICE).expand(x.shape), keys=named(3))


@pytest.mark.parametrize("gradient", ["straight_through", "none"])
def test_other_gradients(gradient: str, ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((2, 3, 20), torch.float32, 1.0, 4).to(DEVICE)
    x[0, 0, 0] = math.nan
    assert_same(x, ways, numbers((2, 3, 20), torch.float32, 1.0, 5).to(DEVICE), keys=named(2), gradient=gradient)


@pytest.mark.parametrize(("bins", "shape"), [(2, (2, 9, 5, 4)), (5, (2, 70, 3)), (33, (1, 3, 50)), (256, (1, 5, 30))])
@pytest.mark.parametrize("arguments", [{}, {"per": "sample", "values": "midpoint"}])
def test_bins_and_scopes(
    bins: int, shape: tuple[int, ...], arguments: dict[str, object], ways: list[gpu_keyed.Keyed]
) -> None:
    x = laid_out(numbers(shape, torch.float32, 1.0, 6), "channels side by side")
    assert_same(x, ways, x.clone(), bins=bins, keys=IDS[: shape[0]].to(DEVICE), **arguments)


def test_numbers_are_those_of_the_keys(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((3, 10, 6), torch.float32, 1.0, 7).to(DEVICE)
    ids = IDS[:3].to(DEVICE)
    for keys in (named(3), draw.Keys(ids), draw.Keys(ids, torch.tensor(7))):
        ways.clear()
        randomized_quantize(x, 8, keys=keys, backend="triton")
        edges, values = ways[0].drawn
        below = keys.derived()
        assert torch.equal(edges.view(3, -1), draw.uniform(below, 70, "edges", runs=10))
        assert values is not None
        assert torch.equal(values.view(3, -1), draw.uniform(below, 80, "values"))


def test_a_sample_alone_and_a_row_of_tables(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((12, 50), torch.float32, 1.0, 8).to(DEVICE)
    assert_same(x, ways, channel_dim=0, batch_dim=None, keys=3)
    assert_same(x[:9, None], ways, x[:9, None], keys=named(9))
    assert_same(numbers((1, 300, 4), torch.uint8, 300.0, 9).to(DEVICE), ways, bins=3, keys=named(1))


@pytest.mark.parametrize("layout", ["elements side by side", "channels side by side", "apart"])
def test_hooks_may_lay_what_is_saved_out_anew(layout: str, ways: list[gpu_keyed.Keyed]) -> None:
    x = laid_out(numbers((3, 4, 30), torch.float32, 1.0, 13), layout)
    upstream = numbers((3, 4, 30), torch.float32, 1.0, 14).to(DEVICE)
    with torch.autograd.graph.saved_tensors_hooks(lambda kept: kept.detach().contiguous().clone(), lambda kept: kept):
        assert_same(x, ways, upstream, keys=named(3))
        narrow = numbers((3, 4, 6, 5), torch.float32, 1.0, 15).to(DEVICE).mT  # of what is kept, scopes are no view
        assert_same(narrow, ways, laid_out(narrow, "apart"), keys=named(3))


def test_ids_of_any_strides(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((4, 2, 20), torch.float32, 1.0, 16).to(DEVICE)
    table = torch.stack([IDS[:4], IDS[4:8]], dim=1).to(DEVICE)
    for ids in (table[:, 0], IDS.to(DEVICE)[::2][:4], table[1, 1].expand(4)):
        assert_same(x, ways, keys=ids)


def negated(shape: tuple[int, ...], seed: int) -> Tensor:
    """Numbers of which memory holds the opposite."""
    x = torch.view_as_complex(numbers((*shape, 2), torch.float32, 1.0, seed).to(DEVICE)).conj().imag
    assert x.is_neg()
    return x


def test_numbers_that_memory_holds_negated(ways: list[gpu_keyed.Keyed]) -> None:
    x, upstream = negated((2, 3, 20), 18), negated((2, 3, 20), 19)
    assert_same(x, ways, upstream, keys=named(2))
    for backward in (upstream, upstream.clone()):
        leaf = x.clone().requires_grad_()
        randomized_quantize(leaf, keys=named(2), backend="triton").backward(backward)
        assert leaf.grad is not None
        torch.testing.assert_close(leaf.grad, by_both(x, upstream.clone(), keys=named(2))[1], rtol=0, atol=0)
    expected = randomized_quantize(x.clone(), keys=named(2), backend="triton")
    for out in (negated((2, 3, 20), 20), x):
        assert torch.equal(randomized_quantize(x, keys=named(2), backend="triton", out=out), expected)


def test_bins_are_those_of_the_moment(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((2, 2, 20), torch.float32, 1.0, 17).to(DEVICE)
    bins = torch.tensor(8)
    first = randomized_quantize(x, bins, keys=named(2), backend="triton")
    bins.fill_(3)
    second = randomized_quantize(x, bins, keys=named(2), backend="triton")
    assert [way.form.bins for way in ways] == [8, 3]
    assert torch.equal(first, randomized_quantize(x, 8, keys=named(2), backend="triton"))
    assert torch.equal(second, randomized_quantize(x, [3, 3], keys=named(2), backend="triton"))


def test_offsets_of_64_bits(ways: list[gpu_keyed.Keyed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_walk, "WIDE", 0)
    monkeypatch.setattr(gpu_keyed, "planned", gpu_plan.planned.__wrapped__)
    monkeypatch.setattr(operation, "_form", operation._form.__wrapped__)
    x = laid_out(numbers((2, 3, 1100), torch.float32, 1.0, 2), "channels side by side")
    assert_same(x, ways, x.clone(), keys=named(2))


@pytest.mark.parametrize(
    "arguments", [{"p": 0.5}, {"bins": (2, 5)}, {"bins": 1}, {"edges": "uniform"}, {"limits": (-1.0, 1.0)}]
)
def test_what_is_drawn_before(arguments: dict[str, object], ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((4, 2, 20), torch.float32, 1.0, 10).to(DEVICE)
    randomized_quantize(x, keys=named(4), backend="triton", **arguments)
    assert not ways


def test_programs_that_share_a_scope_draw_before(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((1, 1, 70_000), torch.float32, 1.0, 11)
    y = randomized_quantize(x.to(DEVICE), keys=named(1), backend="triton")
    assert not ways
    keys = draw.Keys(IDS[:1], *named(1)[1:])
    assert torch.equal(y.cpu(), randomized_quantize(x, keys=keys, backend="reference"))


def test_a_gradient_is_not_differentiated_again(ways: list[gpu_keyed.Keyed]) -> None:
    x = numbers((1, 2, 20), torch.float32, 1.0, 12).to(DEVICE).requires_grad_()
    y = randomized_quantize(x, keys=named(1), backend="triton")
    (first,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
