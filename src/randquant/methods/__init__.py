"""(encoder, batch, draws) in, a loss out. A method is one file; its name stands in one of the two tables below.

`rq`, `crop`, `shift` and `mask` are partners, and so are `noise` and `uniform`, which ask what it is that `rq` owes its
effect to: they make views, and the method that compares two views is InfoNCE. So do
`rrc`, `flip` and `full`, which are made for photographs: crops alone, mirroring, and all that MoCo v3 does to them.
Partners are written before a method and act before it, one after another: `crop+rq`, `crop+emix`, `rq+byol`. Those of
the inputs act before those of the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from torch import nn

from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.methods.byol import BYOL
from randquant.methods.capri import Capri
from randquant.methods.chain import Chain
from randquant.methods.cropped import cropped
from randquant.methods.emix import EMix
from randquant.methods.imix import IMix
from randquant.methods.infonce import InfoNCE
from randquant.methods.mae import MAE
from randquant.methods.masked import masked
from randquant.methods.method import Loss, Method, NotApplicableError, transformer
from randquant.methods.mocov3 import MoCoV3
from randquant.methods.noisy import noisy
from randquant.methods.photographed import flipped, photographed, random_resized
from randquant.methods.quantized import equally_quantized, quantized
from randquant.methods.reads import read_by
from randquant.methods.shed import ShED
from randquant.methods.shifted import shifted
from randquant.methods.simclr import SimCLR
from randquant.methods.simsiam import SimSiam
from randquant.settings import MethodSettings
from randquant.spec import Spec

PARTNERS: dict[str, Callable[[Spec, MethodSettings], Chain]] = {
    "rq": quantized,
    "crop": cropped,
    "shift": shifted,
    "mask": masked,
    "noise": noisy,
    "uniform": equally_quantized,
    "rrc": random_resized,
    "flip": flipped,
    "full": photographed,
}
METHODS: dict[str, Callable[[Encoder, Chain, MethodSettings], nn.Module]] = {
    **dict.fromkeys(PARTNERS, InfoNCE),
    "emix": EMix,
    "shed": ShED,
    "mae": MAE,
    "capri": Capri,
    "imix": IMix,
    "mocov3": MoCoV3,
    "byol": BYOL,
    "simsiam": SimSiam,
    "simclr": SimCLR,
}
UNTRAINED = "none"  # the random encoder: there is nothing to train

__all__ = [
    "Loss",
    "Method",
    "NotApplicableError",
    "Chain",
    "METHODS",
    "PARTNERS",
    "UNTRAINED",
    "check_read",
    "crops",
    "make_method",
    "read_by",
    "settings_of",
    "words_of",
]


def make_method(name: str, encoder: Encoder, settings: MethodSettings) -> nn.Module:
    """The `Method` of this name, a module, its heads freshly drawn from torch's generator.

    Args:
        name: a method, with partners before it: `rq`, `emix`, `crop+rq`.
        encoder: what it will train.
        settings: what the methods and partners may be told.

    Raises:
        UserError: a word of the name is unknown, or the method has no use for such samples or such an encoder.
    """
    words = words_of(name)
    chain = sum((PARTNERS[word](encoder.spec, settings) for word in words if word in PARTNERS), Chain())
    if chain.embeddings:
        transformer(encoder, "a partner", "changes")
    return METHODS[words[-1]](encoder, chain, settings)


def settings_of(name: str) -> frozenset[str]:
    """The fields of `MethodSettings` that change what a method and its partners do.

    Raises:
        UserError: a word of the name is unknown.
    """
    words = words_of(name) if name != UNTRAINED else []
    return read_by(*[PARTNERS[word] for word in words if word in PARTNERS], *[METHODS[word] for word in words[-1:]])


def check_read(option: str, name: str, read: Collection[str], asked: Iterable[str]) -> None:
    """Refuse settings that would change nothing.

    Args:
        option, name: the setting that names what is trained with, and its value.
        read: the settings that this goes by.
        asked: those that a user chose.

    Raises:
        UserError: one of them is not read; the message names what does.
    """
    for one in asked:
        if one not in read:
            others = ", ".join(word for word in METHODS if one in settings_of(word))
            raise UserError(f"{one}: {option} {name} does not read it, so it would change nothing; read by {others}")


def crops(name: str) -> bool:
    """Whether a method's or a partner's name asks for random resized crops, which photographs get where they are read.

    Only the first transform can be done there.
    """
    return name.split("+")[0] in ("rrc", "full")


def words_of(name: str) -> list[str]:
    """The words of a method's name, its partners first.

    Raises:
        UserError: one of them is unknown, or stands there twice.
    """
    words = name.split("+")
    if words[-1] not in METHODS or any(word not in PARTNERS for word in words[:-1]):
        known = f"{UNTRAINED}, {', '.join(METHODS)}, or one of these after {' or '.join(PARTNERS)}, such as crop+rq"
        raise UserError(f"method: got {name!r}, must be one of: {known}")
    if len(set(words)) < len(words):
        raise UserError(f"method: got {name!r}, must name each partner once; a second one would draw the same numbers")
    if "full" in words and {"rrc", "flip"} & set(words):
        raise UserError(f"method: got {name!r}, but full crops and mirrors already; leave rrc and flip out")
    return words
