"""An entry and the data root in; whether its files are there, and what is wrong with them, out."""

from __future__ import annotations

from pathlib import Path

from randquant.data.catalogue import find_entry
from randquant.data.entry import Entry
from randquant.errors import UserError


def is_there(entry: Entry, root: Path) -> bool:
    """Whether the entry's folder holds anything but hidden files, or whether it needs none; opens no file."""
    folder = root / entry.folder
    return not entry.folder or (folder.is_dir() and any(not one.name.startswith(".") for one in folder.iterdir()))


def lacking(entry: Entry, root: Path) -> list[str]:
    """The names of those entries that this one needs and that are not there."""
    return [name for name in entry.needs if not is_there(find_entry(name), root)]


def state_of(entry: Entry, root: Path) -> str:
    """A word for a table: missing, present, or, where only something else is missing, that it needs it."""
    if not is_there(entry, root):
        return "missing"
    missing = lacking(entry, root)
    return f"needs {', '.join(missing)}" if missing else "present"


def trouble(entry: Entry, root: Path) -> UserError | None:
    """What stops the data set from being opened; None if nothing does. Samples in files are seldom decoded for it.

    Raises:
        UserError: it cannot be told, for a library is not installed.
    """
    if entry.read is None:
        return None
    try:
        entry.read(entry, root, False)
    except UserError as problem:
        if isinstance(problem.__cause__, ImportError):
            raise
        return problem
    return None
