"""Tensors in, the GPU backend compared with the definition; `test_triton.py` runs this file in a process of its own.

With TRITON_INTERPRET=1, which triton reads as it is imported, the kernels run on the CPU; without, on the GPU.
"""

from __future__ import annotations

import math
import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from randquant import randomized_quantize
from randquant.quantize import draw, operation, reference
from randquant.quantize.gpu import backend as gpu_backend
from randquant.quantize.gpu import draw as gpu_draw
from randquant.quantize.gpu import plan as gpu_plan
from randquant.quantize.gpu import walk as gpu_walk
from randquant.quantize.scope import FLOATS, INTEGERS
from tensors import numbers, spoilt

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
if INTERPRETED:
    operation._BACKENDS["triton"] = ("gpu.backend", "triton", "cpu")

# The interpreter computes with numpy, which warns where ranges of nothing give inf - inf.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def laid_out(x: Tensor, layout: str) -> Tensor:
    """The same numbers on the device, in another place in memory."""
    x = x.to(DEVICE)
    if layout == "channels side by side":
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "samples side by side":
        return x.movedim(0, -1).contiguous().movedim(-1, 0)
    if layout == "apart":
        return x.new_zeros([2 * size for size in x.shape])[tuple(slice(1, None, 2) for _ in x.shape)].copy_(x)
    if layout == "gap":
        return x.new_zeros([*x.shape[:-1], x.shape[-1] + 3])[..., 1 : x.shape[-1] + 1].copy_(x)
    return x.clone()


def assert_agree(x: Tensor, target: str, seed: int = 0, **arguments: object) -> None:
    """Compare with the definition, bit for bit; the target is a layout, or "in place"."""
    on_cpu = torch.empty_like(x, device="cpu").copy_(x)
    expected = randomized_quantize(
        on_cpu, **arguments, generator=torch.Generator().manual_seed(seed), backend="reference"
    )
    out = x if target == "in place" else laid_out(torch.full_like(on_cpu, 77), target)
    randomized_quantize(x, **arguments, generator=torch.Generator().manual_seed(seed), backend="triton", out=out)
    torch.testing.assert_close(out.cpu(), expected, rtol=0, atol=0, equal_nan=True)


def walked(x: Tensor) -> gpu_walk.Walk:
    """How the kernels walk over x."""
    return gpu_walk.walk(x.shape, (x.stride(),), x.dtype, x.device, True)


LAYOUTS = ("elements side by side", "channels side by side", "samples side by side", "apart", "gap")


@settings(deadline=None, max_examples=60, derandomize=True, database=None)
@given(
    shape=st.sampled_from([(2, 3, 40), (2, 9, 5, 4), (1, 2, 1100), (3, 2, 1), (2, 33), (1, 9, 70), (2, 20, 3)]),
    dtype=st.sampled_from(FLOATS + INTEGERS),
    layout=st.sampled_from(LAYOUTS),
    target=st.sampled_from([*LAYOUTS, "in place"]),
    bins=st.one_of(st.integers(1, 20), st.just((2, 9)), st.sampled_from([1, 2, 8, 32, 64])),
    scale=st.sampled_from([1e-9, 1e-4, 1.0, 300.0, 1e9, 1e30]),
    per=st.sampled_from(["channel", "channel", "sample", "batch"]),
    edges=st.sampled_from(["random", "random", "uniform"]),
    values=st.sampled_from(["random", "random", "midpoint"]),
    p=st.sampled_from([1.0, 0.5]),
    limits=st.sampled_from([None, None, (-1.0, 1.0), (-1e30, 1e30), (3.0, 3.0)]),
    special=st.sampled_from(["none", "some", "constant", "nothing finite", "extremes"]),
    seed=st.integers(0, 2**31),
)
def test_agrees_with_the_definition(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    layout: str,
    target: str,
    bins: int | tuple[int, int],
    scale: float,
    per: str,
    edges: str,
    values: str,
    p: float,
    limits: tuple[float, float] | None,
    special: str,
    seed: int,
) -> None:
    x = spoilt(numbers(shape, dtype, scale, seed), special, seed)
    if math.prod(shape[2:]) == 1:
        limits = limits or (-0.5, 0.8)
    arguments = {"bins": bins, "per": per, "edges": edges, "values": values, "p": p, "limits": limits}
    assert_agree(laid_out(x, layout), target, seed, **arguments)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.uint8, torch.int64])
@pytest.mark.parametrize("limits", [None, (-40.0, 20.0)])
def test_several_programs_share_a_scope(dtype: torch.dtype, limits: tuple[float, float] | None) -> None:
    x = numbers((1, 1, 20_001), dtype, 100.0, 1)
    if dtype in FLOATS:
        x[0, 0, :9000] = math.nan  # the first of them find nothing finite
    assert walked(x.to(DEVICE)).parts > 1
    assert_agree(x.to(DEVICE), "in place", limits=limits)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_offsets_of_64_bits(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_walk, "WIDE", 0)
    monkeypatch.setattr(gpu_plan, "planned", gpu_plan.planned.__wrapped__)
    x = laid_out(numbers((2, 3, 1100), torch.float32, 1.0, 2), layout)
    assert walked(x).offsets == torch.int64
    assert_agree(x, "elements side by side")


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
@pytest.mark.parametrize("shape", [(2, 3, 50), (1, 1, 20_000)])
def test_measures_as_the_definition(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    x = numbers(shape, dtype, 1e30, 3)
    if dtype in FLOATS:
        x[0, 0, :30] = math.inf
        x[-1, -1] = math.nan
    for layout in LAYOUTS:
        got = gpu_backend.measure(laid_out(x, layout))
        for end, expected in zip(got, reference.measure(x), strict=True):
            torch.testing.assert_close(end.cpu(), expected, rtol=0, atol=0)


def test_more_scopes_than_a_program_takes() -> None:
    x = numbers((150, 2), torch.float32, 1.0, 4)
    for bins in (4, (2, 5)):
        assert_agree(x.to(DEVICE), "in place", bins=bins, p=0.7, limits=(-1.0, 1.0))
    assert_agree(laid_out(numbers((1, 300, 4), torch.uint8, 300.0, 5), "channels side by side"), "gap", bins=3)


def test_whole_numbers_that_are_no_float64() -> None:
    most = torch.iinfo(torch.int64)
    for ends in ((most.min, most.max), (2**53 + 1, 2**53 + 33), (most.max - 5000, most.max), (most.min, -3)):
        x = torch.tensor([ends[0] + (ends[1] - ends[0]) * i // 40 for i in range(41)]).view(1, 1, 41)
        for limits in (None, (-1e30, 1e30), (-(2.0**63), 2.0**63)):
            assert_agree(x.to(DEVICE), "apart", bins=6, limits=limits)
    assert_agree(torch.full((1, 1, 20_000), 2**53 + 1, device=DEVICE), "in place")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_numbers_round_half_to_even(dtype: torch.dtype) -> None:
    for top in (5, 7):  # their middles are 2.5 and 3.5
        x = torch.arange(top + 1, dtype=dtype).view(1, 1, -1)
        assert_agree(x.to(DEVICE), "apart", bins=1, values="midpoint")
        assert_agree(x.to(DEVICE), "apart", bins=1, values="midpoint", limits=(0, top))


@pytest.mark.parametrize("dtype", FLOATS)
def test_halves_round_half_to_even(dtype: torch.dtype) -> None:
    x = torch.zeros(1, 1, 5, dtype=dtype, device=DEVICE)
    for low, high in ((256, 258), (256, 262), (2048, 2050), (2048, 2054)):
        assert_agree(x, "apart", bins=1, values="midpoint", limits=(low, high))


@pytest.mark.parametrize("dtype", FLOATS)
def test_ranges_beyond_the_type(dtype: torch.dtype) -> None:
    x = torch.linspace(-1, 1, 41, dtype=torch.float64).mul(torch.finfo(dtype).max).to(dtype).view(1, 1, -1)
    assert_agree(x.to(DEVICE), "apart")
    assert_agree(x.to(DEVICE), "apart", bins=(2, 20), values="midpoint")


@pytest.mark.parametrize("processors", [1, 132])
@pytest.mark.parametrize("shape", [(1, 1, 10**6), (64, 3, 50_176), (128, 256, 197), (4096, 30, 1), (2, 2, 5)])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_programs_cover_everything_once(
    processors: int, shape: tuple[int, int, int], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_walk, "_processors", lambda device: processors)
    x = (
        torch.empty(shape, device="meta")
        if layout == "rows"
        else torch.empty(shape[0], shape[2], shape[1], device="meta").mT
    )
    way = walked(x)
    b, c, n = way.shape
    assert b * c * n == x.numel()
    assert way.parts * way.reach >= n > (way.parts - 1) * way.reach
    assert way.reach % way.along == 0
    assert way.programs == b * -(-c // way.across) * way.parts
    busy = way.programs >= 2 * processors
    assert busy or way.reach == way.along  # nothing is left to share out
    assert way.across * way.along <= 8192
    assert 1 <= way.warps <= 8


KEYS = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), *range(77, 105)])


@pytest.mark.parametrize("words", [(0,), (-3, 1), (2**40 + 7, 9, 1), (KEYS.flip(0),), (5, KEYS.flip(0), 2**32)])
def test_keys_below_keys(words: tuple[int | Tensor, ...]) -> None:
    moved = [word.to(DEVICE) if isinstance(word, Tensor) else word for word in words]
    assert torch.equal(gpu_draw.fold(KEYS.to(DEVICE), moved).cpu(), draw.fold(KEYS, *words))
    assert torch.equal(gpu_draw.fold(KEYS[3].to(DEVICE), moved).cpu(), draw.fold(KEYS[3], *words))


@pytest.mark.parametrize("words", [(KEYS,), (KEYS, 2**40 + 7), (KEYS, "edges", -1, 3)])
def test_keys_below_one_on_the_cpu(words: tuple[int | str | Tensor, ...]) -> None:
    root = torch.tensor(-(2**63) + 5)
    named = [draw.word_of(word) if isinstance(word, str) else word for word in words]
    moved = [word.to(DEVICE) if isinstance(word, Tensor) else word for word in named]
    assert torch.equal(gpu_draw.fold(root, moved).cpu(), draw.fold(root, *words))


@pytest.mark.parametrize(("channels", "bins"), [(1, 2), (3, 8), (40, 5), (1, 256)])
def test_edges_and_values_at_once(channels: int, bins: int) -> None:
    purposes = draw.word_of("edges"), draw.word_of("values")
    edges, values = gpu_draw.edges_and_values(KEYS.to(DEVICE), channels, bins, *purposes)
    expected = draw.uniform(KEYS, channels * (bins - 1), "edges", runs=channels).reshape(-1, bins - 1)
    assert torch.equal(edges.cpu(), expected)
    assert torch.equal(values.cpu(), draw.uniform(KEYS, channels * bins, "values").reshape(-1, bins))


@pytest.mark.parametrize(("count", "runs"), [(1, 0), (7, 0), (1500, 0), (1, 1), (21, 3), (315, 5), (512, 2)])
def test_the_numbers_of_keys(count: int, runs: int) -> None:
    expected = draw.uniform(KEYS, count, "edges", runs=runs)
    assert torch.equal(gpu_draw.uniform(KEYS.to(DEVICE), count, draw.word_of("edges"), runs).cpu(), expected)


@settings(deadline=None, max_examples=24, derandomize=True, database=None)
@given(
    shape=st.sampled_from([(2, 3, 40), (2, 9, 5, 4), (1, 1, 2100), (2, 20, 3)]),
    dtype=st.sampled_from([torch.float32, torch.float32, torch.bfloat16, torch.float64]),
    layout=st.sampled_from(LAYOUTS),
    bins=st.one_of(st.integers(1, 9), st.just((2, 9))),
    scale=st.sampled_from([1e-9, 1.0, 1e30]),
    per=st.sampled_from(["channel", "sample"]),
    values=st.sampled_from(["random", "midpoint"]),
    p=st.sampled_from([1.0, 0.5]),
    special=st.sampled_from(["none", "ties", "constant", "not finite"]),
    seed=st.integers(0, 2**31),
)
def test_the_range_gradient_is_that_of_plain_torch(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    layout: str,
    bins: int | tuple[int, int],
    scale: float,
    per: str,
    values: str,
    p: float,
    special: str,
    seed: int,
) -> None:
    x = numbers(shape, dtype, scale, seed)
    if special == "ties":
        x = (x / scale).round() * scale
    elif special == "constant":
        x[:, 0] = x[0, 0].flatten()[0]
    elif special == "not finite":
        x[0, 0].view(-1)[:3] = torch.tensor([math.nan, math.inf, -math.inf], dtype=dtype)
    weight = numbers(shape, dtype, 1.0, seed + 1)
    gradients = []
    for backend, leaf in (("reference", x.clone()), ("triton", laid_out(x, layout))):
        leaf.requires_grad_()
        generator = torch.Generator().manual_seed(seed)
        y = randomized_quantize(leaf, bins, per=per, values=values, p=p, generator=generator, backend=backend)
        y.backward(weight.to(y.device))
        gradients.append(leaf.grad.cpu())
    expected, got = gradients
    assert not expected.isnan().any()
    rounding = 1e-2 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(got, expected, rtol=rounding, atol=rounding * 40)
