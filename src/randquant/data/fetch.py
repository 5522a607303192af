"""An entry and the data root in; its sources fetched, compared with their sums and put into its folder out.

What arrives stands beside the data set's folder until all of it is there and every sum is right, so that half a
download never looks like a whole one, and an interrupt leaves nothing.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from randquant import __version__
from randquant.data.archive import unpack
from randquant.data.entry import Entry, Source
from randquant.data.present import sum_of
from randquant.errors import UserError

_CHUNK = 1 << 20
_PATIENCE = 60  # seconds without a byte


def fetch_sources(entry: Entry, root: Path, *, quiet: bool = False) -> None:
    """Bring all sources of an entry into its folder; what stands there already stays, unless it has the same name.

    Args:
        entry: the data set.
        root: the data root.
        quiet: no progress.

    Raises:
        UserError: a source does not answer, breaks off, sends another file than the published one, or an archive that
            is broken or leads out of its folder. The data set's folder is then as it was.
    """
    folder = root / entry.folder
    beside = folder.with_name(f"{folder.name}.part{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        whole = beside / "whole"
        whole.mkdir(parents=True)
        for source in entry.sources:
            archive = _downloaded(source, beside, quiet=quiet)
            target = whole / source.under
            target.mkdir(parents=True, exist_ok=True)
            if source.unpack:
                unpack(archive, target)
                archive.unlink()
            else:
                archive.replace(target / archive.name)
        _move(whole, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _downloaded(source: Source, folder: Path, *, quiet: bool) -> Path:
    """A source's file under its own name, which it gets once its sum is right."""
    name = urllib.parse.unquote(Path(urllib.parse.urlsplit(source.url).path).name)
    part = folder / f"{name}.part"
    console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
    console.print(f"fetching {source.url}", markup=False)
    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    request = urllib.request.Request(source.url, headers={"User-Agent": f"randquant/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer, part.open("wb") as file:
            announced = answer.headers.get("Content-Length")
            size = None if announced is None else int(announced)
            if size is not None and size > shutil.disk_usage(folder).free:
                raise UserError(
                    f"data: {source.url} has {decimal(size)}, for which {folder.parent} has no room; make some, or "
                    "let RANDQUANT_DATA name a folder on a larger disk"
                )
            with Progress(
                *columns, console=console, transient=True, disable=quiet or not console.is_terminal
            ) as progress:
                shown = progress.add_task(name, total=size)
                got = 0
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    got += len(chunk)
                    progress.update(shown, completed=got)
    except (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        told = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise UserError(f"data: {source.url} does not answer ({told}); try again later") from error
    if size is not None and got < size:
        raise UserError(f"data: {source.url} broke off after {got:,} of {size:,} bytes; try again")
    kind = "sha256" if source.sha256 else "md5"
    found = sum_of(part, kind)
    if found != (source.sha256 or source.md5):
        raise UserError(f"data: {source.url} sent another file than the published one, by its sum ({kind} {found})")
    return part.rename(folder / name)


def _move(whole: Path, folder: Path) -> None:
    """Put all that was unpacked into the data set's folder."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        whole.rename(folder)
        return
    for path in sorted(whole.rglob("*")):
        target = folder / path.relative_to(whole)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            path.replace(target)
