"""(encoder, batch, draws) in, a loss out. A method is one file; its name stands in one of the two tables below.

`rq` and `crop` are views: the method that compares them is InfoNCE. Partners are written before the method and act
before it, one after another: `crop+rq`, `crop+emix`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

from randquant.errors import UserError
from randquant.methods.cropped import Cropped
from randquant.methods.emix import EMix
from randquant.methods.infonce import InfoNCE
from randquant.methods.method import Loss, Method, View
from randquant.methods.quantized import Quantized
from randquant.settings import MethodSettings
from randquant.spec import Spec

VIEWS: dict[str, Callable[[Spec, MethodSettings], View]] = {"rq": Quantized, "crop": Cropped}
METHODS: dict[str, Callable[[int, Sequence[View], MethodSettings], nn.Module]] = {
    "emix": EMix,
    "rq": InfoNCE,
    "crop": InfoNCE,
}
UNTRAINED = "none"  # the random encoder: there is nothing to train

__all__ = ["Loss", "Method", "View", "METHODS", "VIEWS", "UNTRAINED", "make_method"]


def make_method(name: str, spec: Spec, width: int, settings: MethodSettings) -> nn.Module:
    """The `Method` of this name, a module, its head freshly drawn from torch's generator.

    Args:
        name: a method, with partners before it: `rq`, `emix`, `crop+rq`.
        spec: what a sample is.
        width: numbers in the encoder's features.
        settings: what the methods share.

    Raises:
        UserError: a word of the name is unknown, or the method has no use for such samples.
    """
    words = name.split("+")
    if words[-1] not in METHODS or any(word not in VIEWS for word in words[:-1]):
        known = f"{UNTRAINED}, {', '.join(METHODS)}, or one of these after {' or '.join(VIEWS)}, such as crop+rq"
        raise UserError(f"method: got {name!r}, must be one of: {known}")
    if len(set(words)) < len(words):
        raise UserError(f"method: got {name!r}, must name each partner once; a second one would draw the same numbers")
    views = [VIEWS[word](spec, settings) for word in words if word in VIEWS]
    return METHODS[words[-1]](width, views, settings)
