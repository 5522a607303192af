"""What a sample is, as frozen dataclasses: the only place, beside the encoder, that knows a domain.

A spec goes to JSON and back by `to_dict` and `from_dict`. The three kinds of input answer the same questions, so
no other module asks which kind it has: a sample's `shape`, how many `tokens` it gives, how many real-valued
`channels` lead its second axis (0 where there is nothing to quantize), over which `size` they run, which `limits` they
have by themselves, and whether there may be `gaps` in them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from randquant.errors import UserError

TargetKind = Literal["class", "binary", "multilabel", "regression"]


def _check_positive(name: str, *values: int) -> None:
    if not values or any(value < 1 for value in values):
        raise UserError(f"{name}: got {values[0] if len(values) == 1 else values}, must be whole numbers above 0")


@dataclass(frozen=True)
class Grid:
    """Real values on a regular grid of 1, 2 or 3 dimensions: float [B, channels, *size].

    Args:
        channels: numbers at each place of the grid.
        size: places along each dimension.
        patch: places a token covers along each dimension; each must divide its size.
        gaps: whether NaN may stand where a sample has no value, such as past the end of a short one. A patch that
            holds nothing else is padding.
    """

    channels: int
    size: tuple[int, ...]
    patch: tuple[int, ...]
    gaps: bool = False

    kind: ClassVar[str] = "grid"
    limits: ClassVar[None] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", tuple(self.size))  # JSON gives lists
        object.__setattr__(self, "patch", tuple(self.patch))
        _check_positive("channels", self.channels)
        _check_positive("size", *self.size)
        _check_positive("patch", *self.patch)
        if not 1 <= len(self.size) <= 3:
            raise UserError(f"size: got {self.size}, must have 1, 2 or 3 dimensions")
        if len(self.patch) != len(self.size) or any(s % p for s, p in zip(self.size, self.patch, strict=True)):
            raise UserError(f"patch: got {self.patch} for size {self.size}, must divide it dimension by dimension")

    @property
    def shape(self) -> tuple[int, ...]:
        """A sample's shape."""
        return (self.channels, *self.size)

    @property
    def tokens(self) -> int:
        """Patches in the grid."""
        return math.prod(self.size) // math.prod(self.patch)

    @property
    def patch_values(self) -> int:
        """Numbers in one patch, all channels together."""
        return math.prod(self.patch) * self.channels


@dataclass(frozen=True)
class Tokens:
    """A sequence of symbols: int64 [B, length], each from 0 to vocabulary - 1.

    Args:
        vocabulary: different symbols.
        length: symbols in a sequence, padding included.
        padding: the symbol that fills short sequences up, if there is one.
    """

    vocabulary: int
    length: int
    padding: int | None = None

    kind: ClassVar[str] = "tokens"
    channels: ClassVar[int] = 0
    size: ClassVar[tuple[int, ...]] = ()
    limits: ClassVar[None] = None
    gaps: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_positive("vocabulary", self.vocabulary)
        _check_positive("length", self.length)
        if self.padding is not None and not 0 <= self.padding < self.vocabulary:
            raise UserError(f"padding: got {self.padding}, must be a symbol from 0 to {self.vocabulary - 1}")

    @property
    def shape(self) -> tuple[int, ...]:
        """A sample's shape."""
        return (self.length,)

    @property
    def tokens(self) -> int:
        """Positions in the sequence."""
        return self.length


@dataclass(frozen=True)
class Table:
    """A row of numbers, then of category codes: float [B, columns + len(categories)].

    Args:
        columns: real-valued columns; they come first.
        categories: how many codes each trailing column has; its codes run from 0.
        limits: smallest and largest value of each real-valued column in the training set; a table has one value a
            column and sample, so randomized quantization needs them.
        gaps: whether NaN may stand where a sample has no number; that column is then padding.
    """

    columns: int
    categories: tuple[int, ...] = ()
    limits: tuple[tuple[float, float], ...] | None = None
    gaps: bool = False

    kind: ClassVar[str] = "table"
    size: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        if self.columns < 0 or self.tokens < 1:
            raise UserError(f"columns: got {self.columns} columns and {len(self.categories)} categories, needs one")
        if self.categories:
            _check_positive("categories", *self.categories)
        if self.limits is not None:
            object.__setattr__(self, "limits", tuple((float(low), float(high)) for low, high in self.limits))
            if len(self.limits) != self.columns:
                raise UserError(f"limits: got {len(self.limits)} pairs, must be one for each of {self.columns} columns")
            if not all(low <= high for low, high in self.limits):
                raise UserError(f"limits: got {self.limits}, each pair must be (smallest, largest)")

    @property
    def shape(self) -> tuple[int, ...]:
        """A sample's shape."""
        return (self.tokens,)

    @property
    def channels(self) -> int:
        """Real-valued columns."""
        return self.columns

    @property
    def tokens(self) -> int:
        """One token a column."""
        return self.columns + len(self.categories)


Input: TypeAlias = Grid | Tokens | Table
_KINDS: dict[str, type[Grid] | type[Tokens] | type[Table]] = {"grid": Grid, "tokens": Tokens, "table": Table}


@dataclass(frozen=True)
class Target:
    """What a label is: a class of `size`, `size` yes-or-no findings, or `size` numbers."""

    kind: TargetKind
    size: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(TargetKind):
            raise UserError(f"kind: got {self.kind!r}, must be one of {', '.join(get_args(TargetKind))}")
        _check_positive("size", self.size)


@dataclass(frozen=True)
class Spec:
    """What a sample is: its inputs in order, and its label if it has one."""

    inputs: tuple[Input, ...]
    target: Target | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(self.inputs))
        if not self.inputs:
            raise UserError("inputs: got none, must hold at least one Grid, Tokens or Table")

    @property
    def tokens(self) -> int:
        """Positions of all inputs together, without the class token."""
        return sum(one.tokens for one in self.inputs)

    @property
    def gaps(self) -> bool:
        """Whether NaN may stand in one of the inputs where there is no value."""
        return any(one.gaps for one in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        inputs = [{"kind": one.kind, **asdict(one)} for one in self.inputs]
        return {"inputs": inputs, "target": asdict(self.target) if self.target else None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Spec:
        """The spec whose `to_dict` gave these values."""
        inputs = []
        for one in values["inputs"]:
            fields = dict(one)
            kind = fields.pop("kind")
            if kind not in _KINDS:
                raise UserError(f"kind: got {kind!r}, must be one of {', '.join(_KINDS)}")
            inputs.append(_KINDS[kind](**fields))
        return cls(tuple(inputs), Target(**values["target"]) if values.get("target") else None)
