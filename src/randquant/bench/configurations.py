"""A method and a domain in, the eight configurations out that every method is given: as many for one as for another.

Two learning rates by four strengths of the method's own: what a reader would call how hard its task is. Everything
else is the same for all methods. What acts on values or embeddings (`rq`, `noise`, `uniform`) acts where the table
below says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from randquant.data.entry import Domain
from randquant.errors import UserError
from randquant.methods import check_read, settings_of
from randquant.settings import MethodSettings
from randquant.settings.choices import Place

RATES = (1e-3, 3e-3)
_BINS = tuple({"bins": bins} for bins in (4, 8, 16, 32))
_TEMPERATURES = tuple({"temperature": temperature} for temperature in (0.05, 0.1, 0.2, 0.4))
_CORRUPTED = tuple({"corrupted": share} for share in (0.15, 0.3, 0.5, 0.75))
STRENGTHS: dict[str, tuple[dict[str, Any], ...]] = {
    "rq": _BINS,
    "noise": _BINS,
    "uniform": _BINS,
    "emix": _TEMPERATURES,
    "imix": _TEMPERATURES,
    "shed": _CORRUPTED,
    "mae": _CORRUPTED,
    "capri": _CORRUPTED,
    "mask": tuple({"mask_share": share} for share in (0.15, 0.3, 0.5, 0.75)),
    "crop": tuple({"crop_smallest": smallest} for smallest in (0.3, 0.5, 0.7, 0.9)),
    "shift": tuple({"shift_largest": largest} for largest in (0.05, 0.1, 0.25, 0.5)),
    "mask+rq": tuple({"mask_share": share, "bins": bins} for share in (0.15, 0.5) for bins in (8, 16)),
    "crop+rq": tuple({"crop_smallest": smallest, "bins": bins} for smallest in (0.5, 0.7) for bins in (8, 16)),
    "shift+rq": tuple({"shift_largest": largest, "bins": bins} for largest in (0.1, 0.25) for bins in (8, 16)),
}
PLACES: dict[Domain, Place] = {  # elsewhere on the input
    "english_text": "embeddings",
    "multilingual_text": "embeddings",
    "vision_language": "embeddings",  # a caption has no values, and would be the same in both views of its picture
}


@dataclass(frozen=True)
class Configuration:
    """What a method is trained with.

    Args:
        learning_rate: its peak.
        strength: the method's settings that were varied.
        at: where values are changed.
    """

    learning_rate: float
    strength: Mapping[str, Any]
    at: Place

    @property
    def details(self) -> MethodSettings:
        """The method's settings, whole."""
        return MethodSettings(at=self.at, **self.strength)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {"learning_rate": self.learning_rate, "at": self.at, **self.strength}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Configuration:
        """The configuration whose `to_dict` gave these values."""
        strength = {name: value for name, value in values.items() if name not in ("learning_rate", "at")}
        return cls(values["learning_rate"], strength, values["at"])


def configurations(method: str, domain: Domain) -> list[Configuration]:
    """The eight that a method is tried with.

    Raises:
        UserError: the table has no strengths for it.
    """
    if method not in STRENGTHS:
        raise UserError(f"methods: got {method!r}, must be one that has configurations: {', '.join(STRENGTHS)}")
    at = place_of(domain)
    return [Configuration(rate, strength, at) for rate in RATES for strength in STRENGTHS[method]]


def worded(text: str, domain: Domain, method: str) -> Configuration:
    """The configuration of a method that "learning_rate=0.003,bins=8" names, for samples of a domain.

    Raises:
        UserError: a word is no setting of a method, or none that this one reads, or its value is none.
    """
    kinds = {"learning_rate": float} | {name: type(value) for name, value in asdict(MethodSettings()).items()}
    values: dict[str, Any] = {}
    for word in text.split(","):
        name, _, value = word.partition("=")
        if name not in kinds:
            near = "".join(f"; did you mean {match}?" for match in get_close_matches(name, kinds, n=1))
            raise UserError(f"further: {word!r} must be a setting of a method and its value, such as bins=8{near}")
        if name in values:
            raise UserError(f"further: got {text!r}, which names {name} twice")
        try:
            values[name] = kinds[name](value)
        except ValueError:
            number = "a whole number" if kinds[name] is int else "a number"
            raise UserError(f"further: got {word!r}, whose value must be {number}") from None
    check_read("method", method, settings_of(method) | {"learning_rate", "at"}, values)
    return Configuration.from_dict({"learning_rate": RATES[-1], "at": place_of(domain)} | values)


def place_of(domain: Domain) -> Place:
    """Where values are changed in samples of a domain."""
    return PLACES.get(domain, "input")
