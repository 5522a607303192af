"""A tensor in, a quantized tensor out: randomized quantization and nothing else.

The operation is imported when it is first used: it brings torch's compiler along, two seconds that draws do not need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randquant.quantize.operation import randomized_quantize as randomized_quantize
    from randquant.quantize.transform import RandomizedQuantization as RandomizedQuantization

_FILE_OF = {"randomized_quantize": "operation", "RandomizedQuantization": "transform"}

__all__ = ["randomized_quantize", "RandomizedQuantization"]


def __getattr__(name: str) -> object:
    """Import the file of a public name; an AttributeError for any other."""
    if name not in _FILE_OF:
        raise AttributeError(f"module 'randquant.quantize' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"randquant.quantize.{_FILE_OF[name]}"), name)
