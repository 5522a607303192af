"""A method's or a partner's maker in, the fields of `MethodSettings` that it goes by out: each maker says its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Maker = TypeVar("Maker", bound=Callable[..., Any])
_READ: dict[Callable[..., Any], frozenset[str]] = {}


def reads(*names: str) -> Callable[[Maker], Maker]:
    """Declare the fields that change what comes of a method or partner; `read_by` tells them."""

    def declared(maker: Maker) -> Maker:
        _READ[maker] = frozenset(names)
        return maker

    return declared


def read_by(*makers: Callable[..., Any]) -> frozenset[str]:
    """The fields that at least one of them reads."""
    return frozenset().union(*[_READ[maker] for maker in makers])
