"""The second launch of a plan, which triton is not asked about, gives a kernel what the first one did.

No GPU is needed: a kernel that stands in for triton's keeps what it was given.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch

if importlib.util.find_spec("triton") is None:
    pytest.skip("triton is not installed; torch brings it along on Linux", allow_module_level=True)

from randquant.quantize import draw
from randquant.quantize.gpu import backend as gpu_backend
from randquant.quantize.gpu import draw as gpu_draw
from randquant.quantize.gpu import draw_kernels as gpu_draw_kernels
from randquant.quantize.gpu import kernels as gpu_kernels
from randquant.quantize.gpu import keyed as gpu_keyed
from randquant.quantize.gpu import keyed_kernels as gpu_keyed_kernels
from randquant.quantize.gpu import launch as gpu_launch
from randquant.quantize.scope import scopes

KERNELS = [
    *((gpu_kernels, name) for name in ("quantize", "measure", "range_gradient")),
    *((gpu_draw_kernels, name) for name in ("fold", "uniform", "edges_and_values")),
    (gpu_keyed_kernels, "quantize"),
]


class Kernel:
    """As much of a kernel, and of the code that triton makes of it, as a launch asks for."""

    def __init__(self, kernel: Any) -> None:
        self.arg_names = kernel.arg_names
        self.bound: list[dict[str, Any]] = []  # what triton was given, by name
        self.positional: list[tuple[Any, ...]] = []  # what the code was given by itself

    def __getitem__(self, programs: tuple[int, ...]) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            options = {name: named.pop(name) for name in list(named) if name not in self.arg_names}
            assert set(options) <= {"num_warps", "enable_fp_fusion"}
            self.bound.append({**dict(zip(self.arg_names, arguments, strict=False)), **named})
            assert set(self.bound[-1]) == set(self.arg_names)
            return self

        return run if not self.bound else lambda *arguments: self.positional.append(arguments)


@pytest.fixture
def stands_in(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kernel]:
    kernels = {f"{module.__name__}.{name}": Kernel(getattr(module, name)) for module, name in KERNELS}
    for module, name in KERNELS:
        monkeypatch.setattr(module, name, kernels[f"{module.__name__}.{name}"])
    return kernels


def alike(first: Any, second: Any) -> bool:
    """A place in memory stands for a tensor in the second launch."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, int) and second % 16 == first.data_ptr() % 16
    return first is second or first == second


def test_a_second_launch_is_given_what_the_first_was(stands_in: dict[str, Kernel]) -> None:
    keys, x = torch.arange(4), torch.randn(4, 3, 50)
    purposes = draw.word_of("edges"), draw.word_of("values")
    fractions = draw.fractions(4, 3, (8, 8), uniform_edges=False, midpoint=False, p=1.0, shared=False, device=x.device)
    layout = scopes(x, 1, 0, "channel")
    keyed = gpu_keyed.form(x, x.device, layout, 8, midpoint=False, gradient="range")
    assert keyed is not None
    for _ in range(2):
        gpu_draw.fold(torch.tensor(5), [keys, 7, -1])
        gpu_draw.uniform(keys, 21, purposes[0], runs=3)
        gpu_draw.edges_and_values(keys, 3, 8, *purposes)
        gpu_backend.quantize(x, torch.empty_like(x), fractions)
        gpu_backend.measure(x)
        gpu_backend.range_gradient(x, x, fractions)
        keyed.way(draw.Keys(keys, torch.tensor(5), (7, 1))).quantized(x)
    for name, kernel in stands_in.items():
        (bound,), (positional,) = kernel.bound, kernel.positional
        assert len(positional) == len(kernel.arg_names), name
        for argument, given in zip(kernel.arg_names, positional, strict=True):
            assert alike(bound[argument], given), (name, argument)


def test_other_types_and_memory_that_is_not_aligned_are_compiled_anew(stands_in: dict[str, Kernel]) -> None:
    plan = gpu_launch.Plan(
        next(iter(stands_in.values())), (1,), (1,) * 7, dict.fromkeys(["ENDS", "LOWEST", "HIGHEST"], 0), {}
    )
    numbers = torch.zeros(32)
    kinds = [numbers, numbers[1:], numbers.double()]
    for one in kinds:
        plan.kernel.bound.clear()
        plan.kernel.arg_names = ["x", *"abcdefg", "ENDS", "LOWEST", "HIGHEST"]
        gpu_launch.launch(plan, (one,))
    assert len(plan.compiled) == len(kinds)
