"""`randquant data` and some names in; a list, facts, files or what is wrong with them out."""

from __future__ import annotations

from collections.abc import Sequence

from randquant.data.catalogue import DATASETS, find_entry, open_data
from randquant.data.get import get
from randquant.data.inspection import check
from randquant.data.listing import describe, list_entries
from randquant.data.packed import pack, reader_of
from randquant.settings import DataSettings
from randquant.terminal import say


def data(settings: DataSettings) -> int:
    """Do what `settings.action` says.

    Returns:
        the exit code: 1 where `check` found something broken, or else 0.

    Raises:
        UserError: a name is not in the catalogue, or its files cannot be fetched or are not there.
    """
    names = spelled_out(settings.names)
    if settings.action == "list":
        list_entries()
    elif settings.action == "get":
        get(names, quiet=settings.quiet)
    elif settings.action == "check":
        return check(names, everything=settings.all, quiet=settings.quiet)
    elif settings.out is not None:
        for name in names:
            path = pack(open_data(name), settings.out, reader_of(find_entry(name)))
            say(f"{name}: {path}, {path.stat().st_size / 1e6:.1f} MB")
    else:
        for number, entry in enumerate([find_entry(name) for name in names]):
            if number:
                say("")
            describe(entry)
    return 0


def spelled_out(names: Sequence[str]) -> list[str]:
    """The names, with `mini` and `dabs` as the data sets of that suite."""
    suites = {
        "mini": [name for name, entry in DATASETS.items() if "mini" in entry.roles],
        "dabs": [name for name, entry in DATASETS.items() if not {"mini", "recipe"} & set(entry.roles)],
    }
    return [one for name in names for one in suites.get(name, [name])]
