"""What the catalogue is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from randquant.errors import UserError
from randquant.settings.choices import DataAction


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """List the data sets of the catalogue, tell about some, fetch them, check their files, or pack what they hold.

    They lie in the folder that RANDQUANT_DATA names, or in ~/.cache/randquant. A set is present once its own folder
    there is not empty. check exits with 1 where something is broken and with 2 where a set is missing.
    pack writes one small file a set, all that another machine needs in the folder that RANDQUANT_DATA names there.
    """

    action: Positional[DataAction]
    """list; info, get, check or pack, before names."""
    names: Positional[tuple[str, ...]] = ()
    """Data sets of the catalogue, such as digits; mini or dabs for all of that suite."""
    out: Path | None = None
    """The folder that pack writes to."""
    all: bool = False
    """check reads every sample, not 64 of each part."""
    quiet: bool = False
    """No progress."""

    def __post_init__(self) -> None:
        if self.action == "list" and self.names:
            raise UserError(
                f"names: got {' '.join(self.names)}, but list takes none; info tells about single data sets"
            )
        if self.action != "list" and not self.names:
            raise UserError(
                f"names: got none, but {self.action} needs a data set, such as digits (randquant data list)"
            )
        if (self.out is None) == (self.action == "pack"):
            raise UserError(
                f"out: {self.action} {'needs' if self.out is None else 'takes no'} --out, the folder to pack"
            )
        if self.all and self.action != "check":
            raise UserError(f"all: {self.action} takes no --all, which is for check")
