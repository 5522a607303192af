"""Names of the catalogue in; their files under the data root out, or one line that says how to obtain them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from randquant.data.catalogue import find_entry
from randquant.data.entry import Entry
from randquant.data.fetch import fetch_sources
from randquant.data.packages import fetch_packages
from randquant.data.root import data_root
from randquant.data.state import is_there, lacking, trouble
from randquant.errors import UserError
from randquant.terminal import remark, say


def get(names: Sequence[str], *, quiet: bool = False) -> None:
    """Fetch data sets and what they need, and say of each what was done.

    Args:
        names: in the catalogue; one that fails does not keep the others from being fetched.
        quiet: no progress.

    Raises:
        UserError: a name is unknown, or something could not be fetched.
    """
    wanted = list(dict.fromkeys(entry for name in names for entry in _with_needs(find_entry(name))))
    failed = []
    for entry in wanted:
        try:
            say(f"{entry.name}: {_got(entry, data_root(), quiet=quiet)}")
        except UserError as problem:
            if len(wanted) == 1:
                raise
            remark(str(problem))
            failed.append(entry.name)
    if failed:
        raise UserError(f"data: {', '.join(failed)} could not be fetched; the lines above say why, and what to do")


def _with_needs(entry: Entry) -> Iterator[Entry]:
    for name in entry.needs:
        yield from _with_needs(find_entry(name))
    yield entry


def _got(entry: Entry, root: Path, *, quiet: bool) -> str:
    """What was done, once the entry's files are there."""
    if not entry.folder:
        return "needs no files; nothing was fetched"
    folder = root / entry.folder
    if is_there(entry, root):
        # Other data sets may share the folder, and what is in it may be broken: it must open, unless that cannot be.
        problem = None if lacking(entry, root) else trouble(entry, root)
        if problem is None:
            return f"is there already, in {folder}; nothing was fetched (remove that folder to fetch it again)"
        if not entry.sources and not entry.packages:
            raise UserError(f"{problem}; {_by_hand(entry, root)}")
    if not entry.sources and not entry.packages:
        raise UserError(f"data: {_by_hand(entry, root)}")
    if entry.sources:
        fetch_sources(entry, root, quiet=quiet)
    if entry.packages:
        if not quiet:
            remark(f"{entry.name}: {', '.join(f'{one.name} by {one.client}' for one in entry.packages)}")
        fetch_packages(entry, root)
    if entry.obtain and trouble(entry, root) is not None:
        raise UserError(f"data: {entry.name}: what can be fetched is in {folder}; {_by_hand(entry, root)}")
    return f"fetched into {folder}"


def _by_hand(entry: Entry, root: Path) -> str:
    """How to obtain what is not fetched, for it needs a registration or no sum of it is known; and where it goes."""
    licence = f" (licence: {entry.licence})" if entry.licence else ""
    return (
        f"{entry.name} is not fetched by randquant; obtain it {entry.obtain}{licence}; put it in "
        f"{root / entry.folder}, which must then hold {entry.layout}"
    )
