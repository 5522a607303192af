"""Entries of the catalogue in; the table of all of them, or the facts of one, on standard output out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from randquant.data.batch import Dataset
from randquant.data.catalogue import DATASETS
from randquant.data.entry import Entry
from randquant.data.root import data_root
from randquant.data.state import is_there, state_of
from randquant.errors import UserError
from randquant.spec import Grid, Input, Spec, Tokens
from randquant.terminal import is_drawn, remark, say, tell, write_table

_HEADER = ("name", "domain", "role", "size", "licence", "state")
_WHOLE = ("name", "role", "size")  # columns that are not broken between lines


def list_entries() -> None:
    """One line for each role of each entry: by domain for a reader, tab-separated for a program, never cut."""
    root = data_root()
    rows = [
        (entry.name, entry.domain, role, entry.size, entry.licence, state_of(entry, root))
        for entry in DATASETS.values()
        for role in entry.roles
    ]
    if is_drawn():
        _draw(rows)
    else:
        write_table(_HEADER, rows)
    remark(f"present: its folder under {root} is there and not empty; randquant data check NAME reads what is in it")


def _draw(rows: Sequence[tuple[str, str, str, str, str, str]]) -> None:
    """The rows under their domains, whose names stand in lines of their own, so that 80 columns do."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for word in _HEADER:
        if word != "domain":
            table.add_column(word, no_wrap=word in _WHOLE, overflow="fold")
    for domain in dict.fromkeys(row[1] for row in rows):
        table.add_row()
        table.add_row(Text(domain.replace("_", " "), style="bold"))
        for name, _, *facts in (row for row in rows if row[1] == domain):
            shown = [Text(fact) for fact in facts]
            shown[-1].stylize("green" if facts[-1] == "present" else "dim" if facts[-1] == "missing" else "yellow")
            table.add_row(Text(name), *shown)
    Console(highlight=False).print(table)
    say("")
    tell("free: it needs no registration; k, M: thousands, millions of samples, where the size is not known.")


def describe(entry: Entry) -> None:
    """Everything that is known of an entry, one fact a line."""
    facts = [(key, value) for key, value in _facts(entry, data_root()) if value]
    width = max(len(key) for key, _ in facts)
    before = ""
    for key, value in facts:
        say(f"{key if key != before else '':{width}}  {value}")
        before = key


def _facts(entry: Entry, root: Path) -> Iterator[tuple[str, str]]:
    yield "name", entry.name
    yield "title", entry.title
    yield "domain", entry.domain
    yield "roles", ", ".join(entry.roles)
    yield "state", state_of(entry, root)
    if entry.synthetic:
        yield "synthetic", "its samples are made up, not measured"
    if entry.read is None:
        yield "samples", "none; other data sets need its files"
    elif is_there(entry, root):
        yield from _opened(entry, root)
    if entry.read is not None:
        yield "metric", entry.metric
        yield "batch", str(entry.batch)
    if entry.folder:
        yield "folder", str(root / entry.folder)
        yield "layout", entry.layout and f"in that folder {entry.layout}"
    yield "size", entry.size
    yield "licence", entry.licence
    if not entry.folder:
        yield "obtain", "nothing to fetch"
    elif entry.sources or entry.packages:
        yield "obtain", f"randquant data get {entry.name}"
    if entry.obtain:
        yield "obtain", f"by hand, {entry.obtain}"
    for source in entry.sources:
        total = f"sha256 {source.sha256}" if source.sha256 else f"md5 {source.md5}"
        yield "sources", f"{source.url} ({total}){f', for {source.under}' if source.under else ''}"
    for one in entry.packages:
        members = ", ".join(one.members)
        yield "packages", f"{one.name} {one.version} by {one.client} (sha256 {one.sha256}), of it {members}"
    for name in entry.needs:
        yield "needs", f"{name} ({state_of(DATASETS[name], root)})"
    for sentence in entry.differences:
        yield "differences", sentence


def _opened(entry: Entry, root: Path) -> Iterator[tuple[str, str]]:
    """What can only be told by opening the data set."""
    assert entry.read is not None
    try:
        dataset: Dataset = entry.read(entry, root, False)
    except UserError as problem:
        yield "spec", f"not known: {str(problem).removeprefix('data: ')}"
        return
    yield "spec", _spelled(dataset.spec)
    yield "parts", ", ".join(f"{part} {len(samples.ids):,}" for part, samples in dataset.parts.items())


def _spelled(spec: Spec) -> str:
    inputs = " and ".join(map(_input, spec.inputs))
    target = f"{spec.target.kind} of {spec.target.size}" if spec.target else "none"
    return f"{inputs}; {spec.tokens} tokens in all; target: {target}"


def _input(one: Input) -> str:
    if isinstance(one, Grid):
        size, patch = ("x".join(map(str, sides)) for sides in (one.size, one.patch))
        return f"a grid of {one.channels} channels and {size} places in patches of {patch}"
    if isinstance(one, Tokens):
        return f"{one.length} symbols out of {one.vocabulary:,}"
    return f"a row of {one.columns} numbers and {len(one.categories)} categories"
