"""How data of your own are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from randquant.errors import UserError
from randquant.settings.choices import check_least


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """How a file or folder of your own is read; a data set of the catalogue knows all this itself."""

    label: str = ""
    """Of a path: the column that holds labels, never an input; of an .npz an array in it, of an .npy another .npy."""
    group: str = ""
    """Of a path: the column, or array, whose equal values belong together, such as subject; never an input."""
    id: str = ""
    """Of a table: the column that names samples; where a name stands in several rows, they are steps of one series."""
    time: str = ""
    """Of a table of series: the column that orders the steps; without it they stay in their order."""
    channel_axis: int | None = None
    """Of an array: the axis of the channels, where samples are axis 0; 0 says that there is none."""
    patch: tuple[int, ...] = ()
    """Of grids: places a token covers along each dimension."""
    length: int = 0
    """Of a path: what samples are cut to: steps of a series, symbols of a text, seconds of sound, a picture's side."""

    def __post_init__(self) -> None:
        check_least("length", self.length, 0)
        if self.channel_axis is not None:
            check_least("channel_axis", self.channel_axis, 0)
        if any(one < 1 for one in self.patch):
            raise UserError(f"patch: got {self.patch}, must be whole numbers above 0")

    def choices(self) -> dict[str, Any]:
        """What `open_data` takes beside a path."""
        return asdict(self)

    def given(self) -> dict[str, Any]:
        """The choices that are not the default."""
        return {name: value for name, value in asdict(self).items() if value != getattr(ReadingSettings, name)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ReadingSettings:
        """The settings whose `choices` gave these values."""
        return cls(**{**values, "patch": tuple(values.get("patch", ()))})
