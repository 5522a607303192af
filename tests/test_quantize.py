"""The operation: every backend against the definition, over ranks, layouts, types, scales, scopes and limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from randquant import UserError, randomized_quantize
from randquant.quantize import operation, reference
from randquant.quantize.scope import FLOATS, INTEGERS
from tensors import numbers, spoilt

BACKENDS = ["torch", "numba"]


def bits(x: Tensor) -> Tensor:
    """What must be equal: the bits, except that NaN is NaN and zero is zero."""
    return torch.where(x == 0, torch.zeros_like(x), x.nan_to_num(nan=7.0, posinf=8.0, neginf=-8.0))


def assert_same(got: Tensor, expected: Tensor) -> None:
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert torch.equal(got.isnan(), expected.isnan())
    assert torch.equal(got.isinf(), expected.isinf())
    assert torch.equal(bits(got), bits(expected))


def laid_out(x: Tensor, layout: str) -> Tensor:
    """The same numbers in another place in memory."""
    if layout == "channels last" and x.ndim > 2:
        return x.movedim(1, -1).contiguous().movedim(-1, 1)
    if layout == "reversed":
        order = list(range(x.ndim))[::-1]
        return x.permute(order).contiguous().permute(order)
    if layout == "strided":
        wide = torch.zeros([2 * size for size in x.shape], dtype=x.dtype)
        view = wide[tuple(slice(1, None, 2) for _ in x.shape)]
        return view.copy_(x)
    if layout == "gap":
        wide = torch.zeros([*x.shape[:-1], x.shape[-1] + 3], dtype=x.dtype)
        return wide[..., 1 : x.shape[-1] + 1].copy_(x)
    if layout == "expanded":
        return x[:1].expand_as(x)
    return x


shapes = st.integers(2, 5).flatmap(lambda rank: st.tuples(*[st.integers(1, 5)] * (rank - 1), st.integers(1, 40)))
bin_counts = st.one_of(
    st.integers(1, 64), st.tuples(st.integers(1, 8), st.integers(8, 20)), st.sampled_from([1, 2, 8, 9, 16, 17, 64])
)


@settings(deadline=None, max_examples=100)
@given(
    shape=shapes,
    dtype=st.sampled_from(FLOATS + INTEGERS),
    layout=st.sampled_from(["contiguous", "channels last", "reversed", "strided", "gap", "expanded"]),
    bins=bin_counts,
    scale=st.sampled_from([1e-9, 1e-4, 1.0, 300.0, 1e9, 1e30]),
    per=st.sampled_from(["channel", "sample", "batch"]),
    edges=st.sampled_from(["random", "uniform"]),
    values=st.sampled_from(["random", "midpoint"]),
    p=st.sampled_from([1.0, 0.5]),
    limits=st.sampled_from([None, (-1.0, 1.0), (0.2, 0.7), (-1e30, 1e30), (3.0, 3.0), "per channel"]),
    special=st.sampled_from(["none", "some", "constant", "nothing finite", "extremes"]),
    seed=st.integers(0, 2**31),
)
def test_backends_agree_with_the_definition(
    shape: tuple[int, ...],
    dtype: torch.dtype,
    layout: str,
    bins: int | tuple[int, int],
    scale: float,
    per: str,
    edges: str,
    values: str,
    p: float,
    limits: tuple[float, float] | str | None,
    special: str,
    seed: int,
) -> None:
    x = spoilt(numbers(shape, dtype, scale, seed), special, seed)
    if limits == "per channel" and per != "sample":
        limits = (torch.linspace(-1, 0, shape[1]), torch.linspace(0, 2, shape[1]))
    elif limits == "per channel":
        limits = None
    elements = x.numel() // {"channel": shape[0] * shape[1], "sample": shape[0], "batch": shape[1]}[per]
    x = laid_out(x, layout)
    before = x.clone()
    arguments = {"bins": bins, "per": per, "edges": edges, "values": values, "p": p, "limits": limits}
    if limits is None and elements == 1:
        with pytest.raises(UserError, match="holds one element"):
            randomized_quantize(x, **arguments)
        return
    expected = randomized_quantize(x, **arguments, generator=torch.Generator().manual_seed(seed), backend="reference")
    for backend in BACKENDS:
        got = randomized_quantize(x, **arguments, generator=torch.Generator().manual_seed(seed), backend=backend)
        assert_same(got, expected)
        assert torch.equal(bits(x), bits(before))
        out = laid_out(torch.full_like(before, 77), layout if layout != "expanded" else "gap")
        randomized_quantize(x, **arguments, generator=torch.Generator().manual_seed(seed), backend=backend, out=out)
        assert_same(out, expected)


@settings(deadline=None, max_examples=60)
@given(
    dtype=st.sampled_from(FLOATS + INTEGERS),
    bins=st.integers(1, 64),
    scale=st.sampled_from([1e-9, 1e-3, 1.0, 1e30]),
    seed=st.integers(0, 2**31),
)
def test_what_the_definition_promises(dtype: torch.dtype, bins: int, scale: float, seed: int) -> None:
    x = numbers((3, 2, 50), dtype, scale, seed)
    y = randomized_quantize(x, bins, generator=torch.Generator().manual_seed(seed), backend="reference")
    for sample, quantized in zip(x.flatten(0, 1), y.flatten(0, 1), strict=True):
        assert quantized.unique().numel() <= bins
        low, high = sample.double().amin(), sample.double().amax()
        assert low <= quantized.double().amin()
        assert quantized.double().amax() <= highest(low, high, dtype)
        order = sample.argsort()
        assert bool((quantized[order].double().diff() >= 0).all())  # larger values, no smaller bins


def highest(low: Tensor, high: Tensor, dtype: torch.dtype) -> Tensor:
    """The largest value that the top bin may have: the published 1e-6 above the maximum, rounded as the values are."""
    if dtype in INTEGERS or 0 < high - low < 1e-3:
        return high
    top = (high + 1e-6).to(dtype).double()
    return top + torch.finfo(dtype).eps * top.abs()


def test_definition_by_hand() -> None:
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    u, v = torch.tensor([0.25, 0.5]), torch.tensor([0.0, 0.5, 0.25])
    # Bins [0, 1), [1, 2), [2, 4]; values 0, 1.5 and 2 + 0.25 * 2.
    got = reference.quantize_scope(x, u, v)
    assert torch.allclose(got, torch.tensor([0.0, 1.5, 2.5, 2.5, 2.5]), atol=1e-6)
    middle = reference.quantize_scope(x, u, None)
    assert torch.allclose(middle, torch.tensor([0.5, 1.5, 3.0, 3.0, 3.0]), atol=1e-6)
    outside = reference.quantize_scope(torch.tensor([-9.0, 9.0]), u, v, (torch.tensor(0.0), torch.tensor(4.0)))
    assert torch.allclose(outside, torch.tensor([0.0, 2.5]), atol=1e-6)
    whole = reference.quantize_scope(torch.tensor([0, 1, 2, 3, 5], dtype=torch.uint8), torch.empty(0), None)
    assert whole.tolist() == [2] * 5  # 2.5 rounds to even


@pytest.mark.parametrize("backend", ["reference", *BACKENDS])
class TestEachBackend:
    def test_scopes_differ_in_what_shares_bins(self, backend: str) -> None:
        x = torch.linspace(0, 1, 64).expand(4, 3, 64).contiguous()
        channel = randomized_quantize(x, 4, backend=backend)
        sample = randomized_quantize(x, 4, per="sample", backend=backend)
        batch = randomized_quantize(x, 4, per="batch", backend=backend)
        assert len({tuple(row.tolist()) for row in channel.flatten(0, 1)}) == 12
        assert len({tuple(row.tolist()) for row in sample.flatten(0, 1)}) == 4
        assert len({tuple(row.tolist()) for row in batch.flatten(0, 1)}) == 3
        assert torch.equal(sample[:, 0], sample[:, 2])
        assert torch.equal(batch[0], batch[3])

    def test_a_single_sample(self, backend: str) -> None:
        x = torch.rand(3, 20)
        torch.manual_seed(0)
        alone = randomized_quantize(x, channel_dim=0, batch_dim=None, backend=backend)
        torch.manual_seed(0)
        assert torch.equal(randomized_quantize(x[None], backend=backend)[0], alone)

    def test_channels_last_dimension(self, backend: str) -> None:
        x = torch.rand(2, 20, 5)
        torch.manual_seed(0)
        last = randomized_quantize(x, channel_dim=-1, backend=backend)
        torch.manual_seed(0)
        assert torch.equal(randomized_quantize(x.mT, backend=backend).mT, last)

    def test_tables_are_drawn_for_each_sample_and_column(self, backend: str) -> None:
        x = torch.zeros(200, 2)
        y = randomized_quantize(x, 4, limits=(torch.tensor([-1.0, -5.0]), torch.tensor([1.0, 5.0])), backend=backend)
        assert y[:, 0].unique().numel() > 150
        assert y[:, 1].abs().max() > 1
        assert y[:, 0].abs().max() <= 1

    def test_constant_scopes_come_back(self, backend: str) -> None:
        for value in (0.0, 0.5, -3e-9, 100.0, 1e30):
            x = torch.full((2, 3, 7), value)
            assert (randomized_quantize(x, backend=backend) - x).abs().max() <= 2e-6
        whole = torch.full((2, 3, 7), 255, dtype=torch.uint8)
        assert torch.equal(randomized_quantize(whole, backend=backend), whole)

    def test_small_ranges_stay_inside(self, backend: str) -> None:
        x = torch.rand(8, 2, 50) * 1e-6  # volts of an EEG
        y = randomized_quantize(x, backend=backend)
        assert bool((y.amax(-1) <= x.amax(-1)).all())

    def test_empty_tensors_come_back_empty(self, backend: str) -> None:
        for shape in ((0, 3, 4), (2, 0, 4), (2, 3, 0)):
            assert randomized_quantize(torch.zeros(shape), backend=backend).shape == shape
            out = torch.empty(shape[::-1]).permute(2, 1, 0)
            assert randomized_quantize(torch.zeros(shape), backend=backend, out=out) is out

    def test_what_is_not_finite_stays(self, backend: str) -> None:
        x = torch.rand(1, 2, 30)
        x[0, 0, 3], x[0, 0, 4], x[0, 0, 5] = math.nan, math.inf, -math.inf
        x[0, 1] = math.nan
        y = randomized_quantize(x, backend=backend)
        assert torch.equal(y.isnan(), x.isnan())
        assert torch.equal(y.isinf(), x.isinf())
        finite = x[0, 0][x[0, 0].isfinite()]
        assert y[0, 0][y[0, 0].isfinite()].amax() <= finite.amax() + 1e-6

    def test_ranges_beyond_the_type(self, backend: str) -> None:
        for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
            most = torch.finfo(dtype).max
            x = torch.linspace(-1, 1, 41, dtype=torch.float64).mul(float(most)).to(dtype).view(1, 1, -1)
            y = randomized_quantize(x, 8, backend=backend)
            assert bool(y.isfinite().all())
            assert 1 < y.unique().numel() <= 8

    def test_writing_in_place(self, backend: str) -> None:
        for dtype in (torch.float32, torch.uint8, torch.bfloat16):
            for bins in (8, 40):
                x = numbers((2, 3, 5000), dtype, 100.0, 0)
                torch.manual_seed(0)
                expected = randomized_quantize(x, bins, backend=backend)
                torch.manual_seed(0)
                assert randomized_quantize(x, bins, backend=backend, out=x) is x
                assert torch.equal(x, expected)

    def test_writing_in_place_leaves_what_is_not_applied(self, backend: str) -> None:
        for dtype in (torch.float32, torch.uint8, torch.int32):
            for p in (0.0, 0.5):
                x = numbers((6, 3, 50), dtype, 100.0, 0)
                torch.manual_seed(0)
                expected = randomized_quantize(x, p=p, backend="reference")
                torch.manual_seed(0)
                assert torch.equal(randomized_quantize(x, p=p, backend=backend, out=x), expected)

    def test_parameters_are_written_where_no_gradient_is_asked_for(self, backend: str) -> None:
        x = torch.rand(2, 3, 10)
        weights = torch.nn.Parameter(x.clone())
        with torch.no_grad():
            randomized_quantize(weights, backend=backend, keys=[1, 2], out=weights)
        assert torch.equal(weights, randomized_quantize(x, backend=backend, keys=[1, 2]))

    def test_autograd_sees_what_is_written(self, backend: str) -> None:
        x = torch.rand(2, 3, 10, requires_grad=True)
        y = x * 1
        squares = (y**2).sum()
        with torch.no_grad():
            randomized_quantize(y, backend=backend, out=y.detach())
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            squares.backward()

    def test_integers_that_no_float_holds(self, backend: str) -> None:
        for start, span in ((2**60, 5000), (17 * 10**17, 10**4), (-(2**62), 3000), (2**63 - 3000, 2999)):
            x = start + torch.arange(0, span, 7).repeat(3, 2, 1)
            for per in ("channel", "batch"):
                arguments = {"per": per, "backend": backend}
                y = randomized_quantize(x, generator=torch.Generator().manual_seed(0), **arguments)
                expected = randomized_quantize(
                    x, generator=torch.Generator().manual_seed(0), per=per, backend="reference"
                )
                assert torch.equal(y, expected)
                assert start <= y.min()
                assert y.max() <= x.max()

    def test_torchs_defaults_change_nothing(self, backend: str) -> None:
        x, keys = torch.rand(3, 2, 40), [1, 2, 3]
        for edges in ("random", "uniform"):
            torch.manual_seed(0)
            expected = [
                randomized_quantize(x, (2, 9), keys=keys, edges=edges, backend=backend),
                randomized_quantize(x, edges=edges, backend=backend),
            ]
            torch.manual_seed(0)
            torch.set_default_dtype(torch.float64)
            try:
                with torch.device("meta"):
                    got = [
                        randomized_quantize(x, (2, 9), keys=keys, edges=edges, backend=backend),
                        randomized_quantize(x, edges=edges, backend=backend),
                    ]
            finally:
                torch.set_default_dtype(torch.float32)
            assert all(map(torch.equal, got, expected))

    def test_memory_format_is_kept(self, backend: str) -> None:
        x = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
        assert randomized_quantize(x, backend=backend).stride() == x.stride()


def test_uint8_is_looked_up_without_a_float_copy() -> None:
    x = torch.randint(0, 256, (16, 3, 224, 224), dtype=torch.uint8)
    out = torch.empty_like(x)
    randomized_quantize(x, out=out)
    with torch.profiler.profile(profile_memory=True) as profile:
        randomized_quantize(x, out=out)
    allocated = sum(max(0, event.self_cpu_memory_usage) for event in profile.events())
    assert allocated < x.numel() / 10


def test_wrong_arguments_are_named_in_one_line() -> None:
    x = torch.rand(2, 3, 4)
    cases = {
        "x: list": lambda: randomized_quantize([1.0]),
        "x: torch.complex64": lambda: randomized_quantize(x.to(torch.complex64)),
        "x: torch.bool": lambda: randomized_quantize(x > 0),
        "x: a single number": lambda: randomized_quantize(torch.tensor(1.0)),
        "x: a tensor of layout": lambda: randomized_quantize(x.to_sparse()),
        "x: each channel": lambda: randomized_quantize(torch.rand(5, 4)),
        "channel_dim: 3": lambda: randomized_quantize(x, channel_dim=3),
        "channel_dim: 0 is the batch": lambda: randomized_quantize(x, channel_dim=0),
        "batch_dim: 5": lambda: randomized_quantize(x, batch_dim=5),
        "bins: 0": lambda: randomized_quantize(x, 0),
        "bins: 2.5": lambda: randomized_quantize(x, 2.5),
        r"bins: \(5, 2\)": lambda: randomized_quantize(x, (5, 2)),
        "bins: True": lambda: randomized_quantize(x, True),
        "p: 1.5": lambda: randomized_quantize(x, p=1.5),
        "p: '1'": lambda: randomized_quantize(x, p="1"),
        "per: 'image'": lambda: randomized_quantize(x, per="image"),
        "edges: 'even'": lambda: randomized_quantize(x, edges="even"),
        "values: 'zero'": lambda: randomized_quantize(x, values="zero"),
        "gradient: 'yes'": lambda: randomized_quantize(x, gradient="yes"),
        "backend: 'cuda'": lambda: randomized_quantize(x, backend="cuda"),
        "limits: int given": lambda: randomized_quantize(x, limits=3),
        "limits: from 1 to 0": lambda: randomized_quantize(x, limits=(1, 0)),
        "limits: from nan": lambda: randomized_quantize(x, limits=(math.nan, 1)),
        "limits: from -inf to inf as torch.float32": lambda: randomized_quantize(x, limits=(-1e300, 1e300)),
        r"limits: torch.float32 of shape \(2,\)": lambda: randomized_quantize(
            x, limits=(torch.zeros(2), torch.ones(2))
        ),
        "limits: NoneType": lambda: randomized_quantize(x, limits=(None, 1)),
        "limits: torch.complex64": lambda: randomized_quantize(x, limits=(0, 1j)),
        "generator: int": lambda: randomized_quantize(x, generator=3),
        "keys: 1 given": lambda: randomized_quantize(x, keys=[1]),
        "keys: str given": lambda: randomized_quantize(x, keys="ab"),
        "keys: list given; keys are whole": lambda: randomized_quantize(x, keys=[2**64, 1]),
        "keys: torch.float32": lambda: randomized_quantize(x, keys=[1.0, 2.0]),
        "keys: numbers come": lambda: randomized_quantize(x, keys=[1, 2], generator=torch.Generator()),
        'keys: with per="batch"': lambda: randomized_quantize(x, keys=[1, 2], per="batch"),
        "out: list": lambda: randomized_quantize(x, out=[]),
        "out: torch.float64": lambda: randomized_quantize(x, out=x.double()),
        "out: it overlaps": lambda: randomized_quantize(x[:, :2], out=x[:, 1:]),
        "out: several": lambda: randomized_quantize(x, out=torch.zeros(1, 1, 1).expand(2, 3, 4)),
        "out: gradients": lambda: randomized_quantize(x.clone().requires_grad_(), out=torch.empty_like(x)),
    }
    for message, call in cases.items():
        with pytest.raises(UserError, match=f"^{message}") as raised:
            call()
        assert "\n" not in str(raised.value)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    x = torch.rand(2, 3, 40)
    expected = randomized_quantize(x, 4, keys=[1, 2])
    got = randomized_quantize(
        x, np.int64(4), channel_dim=np.int64(1), p=np.float32(1), keys=np.array([1, 2], np.uint32)
    )
    assert torch.equal(got, expected)


@pytest.mark.parametrize("take", [lambda x: x[..., ::2], lambda x: x[:, :1, :, ::2], lambda x: x[:, 1:2]])
def test_gaps_cost_no_more_than_a_copy(take: Callable[[Tensor], Tensor]) -> None:
    x = take(torch.rand(8, 3, 160, 160).contiguous(memory_format=torch.channels_last))
    seconds = {"given": [], "copied": []}
    for _ in range(7):
        for name, prepare in (("given", lambda y: y), ("copied", lambda y: y.contiguous())):
            start = time.perf_counter()
            randomized_quantize(prepare(x), per="sample")
            seconds[name].append(time.perf_counter() - start)
    assert min(seconds["given"]) < 5 * min(seconds["copied"])


def test_a_named_backend_never_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(2, 3, 4)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match='backend: "triton" runs on cuda and x is on cpu'):
            randomized_quantize(x, backend="triton")
    with pytest.raises(UserError, match='backend: "numba" runs on cpu and x is on meta'):
        randomized_quantize(x.to("meta"), backend="numba")
    monkeypatch.setattr(operation, "_installed", lambda name: name != "numba")
    with pytest.raises(UserError, match='backend: "numba" needs the library numba'):
        randomized_quantize(x, backend="numba")
    assert randomized_quantize(x).shape == x.shape  # auto takes torch
