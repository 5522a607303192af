"""The tensors of a file and those of a module in, the first in which they differ out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def misfit(there: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """What a file has and a module has not, or the other way round, or in another shape; None where all is alike.

    Args:
        there: what the file holds, by name.
        here: what the module's `state_dict` holds.
    """
    file, module = _shapes(there), _shapes(here)
    for name in [*file, *module]:
        if file.get(name) != module.get(name):
            return f"it has {_told(name, file)}, the module {_told(name, module)}"
    return None


def _shapes(values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in values.items() if isinstance(value, Tensor)}


def _told(name: str, shapes: dict[str, tuple[int, ...]]) -> str:
    return f"{name} of shape {shapes[name]}" if name in shapes else f"no {name}"
