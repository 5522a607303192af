"""A public name in, the thing it names out: each is imported from its room when it is first used.

So `import randquant` loads no torch, and the command line answers `--help` at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from randquant.embed import Embedder as Embedder
    from randquant.errors import UserError as UserError
    from randquant.quantize import RandomizedQuantization as RandomizedQuantization
    from randquant.quantize import randomized_quantize as randomized_quantize

__version__ = "0.1.0"

_ROOM_OF = {
    "randomized_quantize": "quantize",
    "RandomizedQuantization": "quantize",
    "Embedder": "embed",
    "UserError": "errors",
}

__all__ = ["randomized_quantize", "RandomizedQuantization", "Embedder", "UserError", "__version__"]


def __getattr__(name: str) -> object:
    """Import the room of a public name; an AttributeError for any other."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'randquant' has no attribute {name!r}; it has {', '.join(__all__)}")
    value: object = getattr(importlib.import_module(f"randquant.{_ROOM_OF[name]}"), name)
    globals()[name] = value  # the next use finds it without asking
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted({*globals(), *__all__})
