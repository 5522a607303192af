"""A benchmark's options in, the words of its command line that give them out."""

from __future__ import annotations

import dataclasses
from typing import Any


def words(options: Any, saved: str) -> str:
    """What stands after the program's name.

    Args:
        options: a dataclass; those that are not the defaults are told, and `quick` alone where it is on.
        saved: how the committed page is written, instead of where this one was.
    """
    if options.quick:
        return "--quick"
    told = [saved]
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name not in ("markdown", "quick") and value != field.default:
            told.append(f"--{field.name} {' '.join(value) if isinstance(value, tuple) else value}")
    return " ".join(told)
