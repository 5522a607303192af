"""A kernel, its plan and its tensors in, a run on the GPU out.

To find again what it compiled costs triton's host more than to launch it. Here a plan keeps that: whatever else triton
looks at is the same wherever the plan is.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
import triton
from torch import Tensor

_ALIGNED = 16  # bytes; where memory begins at a multiple, triton reads more at once
# For AMD's cards triton looks at sizes too, and before 3.3 what it compiled took other arguments.
_KEPT = torch.version.hip is None and tuple(map(int, triton.__version__.split(".")[:2])) >= (3, 3)


@dataclass(frozen=True, eq=False)
class Plan:
    """How one kernel runs on one device for tensors of one form.

    Attributes:
        kernel: of triton; its arguments are tensors, the plan's numbers, loose ones, then what it is compiled for.
        programs: how many run, along up to three axes.
        numbers: those that triton may compile into the code.
        constants: those that it always does, by their names.
        options: triton's own.
        compiled: for tensors of some types, aligned or not, what launches the code, and its last arguments.
    """

    kernel: Any
    programs: tuple[int, ...]
    numbers: tuple[int, ...]
    constants: dict[str, Any]
    options: dict[str, Any]
    compiled: dict[Hashable, tuple[Any, tuple[Any, ...]]] = field(default_factory=dict, repr=False)


def launch(plan: Plan, tensors: tuple[Tensor | None, ...], *loose: int) -> None:
    """Run a plan's kernel on the device of its tensors.

    Args:
        tensors: the first is no None.
        loose: numbers of 32 bits that the kernel asks triton not to look at.
    """
    first = tensors[0]
    if first is not None and first.is_cuda and first.get_device() != torch.cuda.current_device():
        with torch.cuda.device_of(first):  # type: ignore[no-untyped-call]
            launch(plan, tensors, *loose)
        return
    places = [None if one is None else one.data_ptr() for one in tensors]
    kinds = (*[one if one is None else one.dtype for one in tensors], *[place and place % _ALIGNED for place in places])
    if found := plan.compiled.get(kinds):
        run, constants = found
        run(*places, *plan.numbers, *loose, *constants)  # triton takes places too, and asks nothing about them
        return
    arguments = (*tensors, *plan.numbers, *loose)
    code = plan.kernel[plan.programs](*arguments, **plan.constants, **plan.options)
    if code is not None and _KEPT:
        constants = tuple(plan.constants[name] for name in plan.kernel.arg_names[len(arguments) :])
        plan.compiled[kinds] = code[(*plan.programs, 1, 1)[:3]], constants
