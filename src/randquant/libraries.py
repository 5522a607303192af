"""The name of an optional library in, the library out, or one line that says how to install it."""

from __future__ import annotations

import importlib
from types import ModuleType

from randquant.errors import UserError


def library(name: str, extra: str, purpose: str) -> ModuleType:
    """Import a library that randquant does without unless it is asked for.

    Args:
        name: of the module.
        extra: of randquant, that brings it.
        purpose: what asks for it; the error begins with it.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"{purpose}: {name} is not installed; pip install 'randquant[{extra}]'") from error
