"""Tensors in, machine code for a GPU out, never run; `test_triton.py` runs this file in a process of its own.

The interpreter takes more than the compiler does, and rounds as numpy does: here the real compiler takes the kernels,
as the backend launches them, on a machine that may have no GPU.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from randquant.quantize import draw
from randquant.quantize.gpu import backend as gpu_backend
from randquant.quantize.gpu import draw as gpu_draw
from randquant.quantize.gpu import draw_kernels as gpu_draw_kernels
from randquant.quantize.gpu import kernels as gpu_kernels
from randquant.quantize.gpu import keyed as gpu_keyed
from randquant.quantize.gpu import keyed_kernels as gpu_keyed_kernels
from randquant.quantize.gpu import plan as gpu_plan
from randquant.quantize.gpu import walk as gpu_walk
from randquant.quantize.scope import FLOATS, Limits, scopes

KERNELS = (
    gpu_kernels.quantize,
    gpu_kernels.measure,
    gpu_kernels.range_gradient,
    gpu_draw_kernels.fold,
    gpu_draw_kernels.uniform,
    gpu_draw_kernels.edges_and_values,
    gpu_keyed_kernels.quantize,
)


class Card:
    """As much of a driver as compiling asks for."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return self.target.arch

    def get_current_stream(self, device: int) -> int:
        return 0


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A function that quantizes, launching nothing, and gives the code of the kernels it would have launched."""
    codes: list[str] = []

    def keep(run: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        codes.append(run(*arguments, **{**options, "warmup": True}).asm["ptx"])

    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "run", partial(keep, kernel.run))

    def quantize(
        x: Tensor,
        limits: Limits | None = None,
        *,
        bins: tuple[int, int] = (8, 8),
        p: float = 1.0,
        midpoint: bool = False,
        capability: int = 90,
    ) -> list[str]:
        driver.set_active(Card(capability))
        fractions = draw.fractions(
            *x.shape[:2], bins, uniform_edges=False, midpoint=midpoint, p=p, shared=False, device=x.device
        )
        gpu_backend.quantize(x, torch.empty_like(x), fractions, limits)
        return codes

    return quantize


def assert_as_meant(code: str) -> None:
    assert not re.search(r"\bfma\.", code)  # a fused product is not rounded, and bins would begin elsewhere
    assert not re.search(r"\b(add|sub|mul|min|max)\S*\.ftz\b", code)  # small numbers are not flushed to zero
    assert re.search(r"\bld\.global\S*\.v[24]\.", code)  # 16 bytes at a time


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.uint8, torch.int32])
def test_elements_side_by_side(dtype: torch.dtype, compiled: Callable[..., list[str]]) -> None:
    (code,) = compiled(torch.zeros(4, 3, 256, dtype=dtype))
    assert_as_meant(code)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_channels_side_by_side(dtype: torch.dtype, compiled: Callable[..., list[str]]) -> None:
    (code,) = compiled(torch.zeros(2, 197, 256, dtype=dtype).mT)
    assert_as_meant(code)


@pytest.mark.parametrize("capability", [75, 100])
def test_other_cards(capability: int, compiled: Callable[..., list[str]]) -> None:
    (code,) = compiled(torch.zeros(4, 3, 256, dtype=torch.bfloat16), capability=capability)
    assert_as_meant(code)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_every_argument(dtype: torch.dtype, compiled: Callable[..., list[str]]) -> None:
    x = torch.zeros(4, 3, 256, dtype=dtype)
    work = torch.float64 if dtype == torch.int64 else torch.float32
    limits = (torch.zeros(4, 3, dtype=work), torch.ones(4, 3, dtype=work))
    (code,) = compiled(x, limits, bins=(2, 9), p=0.5, midpoint=True)
    assert_as_meant(code)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int64])
def test_measured_apart(dtype: torch.dtype, compiled: Callable[..., list[str]]) -> None:
    measure, quantize = compiled(torch.zeros(1, 1, 20_000, dtype=dtype))
    assert_as_meant(measure)
    assert_as_meant(quantize)


def test_offsets_of_64_bits(compiled: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_walk, "WIDE", 0)
    monkeypatch.setattr(gpu_plan, "planned", gpu_plan.planned.__wrapped__)
    for code in compiled(torch.zeros(1, 1, 20_000)):
        assert_as_meant(code)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("midpoint", [False, True])
def test_gradients(dtype: torch.dtype, midpoint: bool, compiled: Callable[..., list[str]]) -> None:
    x = torch.zeros(2, 197, 256, dtype=dtype).mT
    codes = compiled(x, midpoint=midpoint)
    codes.clear()
    drawn = draw.fractions(2, 256, (8, 8), uniform_edges=False, midpoint=midpoint, p=1.0, shared=False, device=x.device)
    gpu_backend.range_gradient(x, x, drawn)
    (code,) = codes
    assert not re.search(r"\bfma\.", code)


def test_draws(compiled: Callable[..., list[str]]) -> None:
    codes = compiled(torch.zeros(4, 3, 256))
    codes.clear()
    keys = torch.arange(5)
    gpu_draw.fold(keys, [1, 2**40])
    gpu_draw.fold(keys, [keys])
    gpu_draw.uniform(keys, 2000, 1)
    gpu_draw.fold(torch.tensor(3), [keys, 1, 2])
    gpu_draw.uniform(keys, 21, 1, runs=3)
    gpu_draw.edges_and_values(keys, 3, 8, 1, 2)
    assert len(codes) == 6


@pytest.mark.parametrize(
    ("shape", "dtype", "bins", "rooted"),
    [
        ((2, 196, 256), torch.bfloat16, 8, True),
        ((2, 196, 256), torch.float32, 256, False),
        ((2, 196, 256), torch.float64, 8, True),
        ((2, 196, 256), torch.uint8, 8, False),
        ((2, 196, 256), torch.int64, 2, True),
        ((1, 256, 1), torch.float32, 8, True),  # a single warp, of a single scope
    ],
)
def test_keyed(
    shape: tuple[int, ...], dtype: torch.dtype, bins: int, rooted: bool, compiled: Callable[..., list[str]]
) -> None:
    codes = compiled(torch.zeros(4, 3, 256))
    codes.clear()
    x = torch.zeros(shape, dtype=dtype)
    form = gpu_keyed.form(x, x.device, scopes(x, 2, 0, "channel"), bins, midpoint=False, gradient="range")
    assert form is not None
    ids = torch.arange(shape[0])
    way = form.way(draw.Keys(ids, torch.tensor(-5), (2**40, 1)) if rooted else draw.Keys(ids))
    way.quantized(x)
    (code,) = codes
    assert_as_meant(code)
    assert "ld.global.nc" not in code  # what is drawn would be read from a cache that no barrier refreshes
    steps = re.findall(r"\b(st\.global|bar\.sync|ld\.global)", code)
    # What is drawn is written, then threads wait for each other, and only then is anything read again.
    assert re.search("st.global (bar.sync )+ld.global", " ".join(steps))
    if dtype in FLOATS:
        way.passed(x, x)
        assert len(codes) == 2
