"""A folder and what should stand in it in; the paths out, or one line that says what is missing or broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from randquant.errors import UnreadableError, UserError

if TYPE_CHECKING:
    from randquant.data.entry import Entry


def folder_of(entry: Entry, root: Path, *names: str) -> Path:
    """The folder of a data set, once all that is named stands in it.

    Args:
        entry: the data set.
        root: the data root.
        names: files and folders, as paths inside the data set's own folder.

    Raises:
        UserError: something is missing; says what, and how to learn where it comes from.
    """
    folder = root / entry.folder
    for name in names or ("",):
        if not (folder / name).exists():
            raise UserError(
                f"data: {entry.name} needs {folder / name}, which is not there (randquant data get {entry.name})"
            )
    return folder


def check_sum(path: Path, *, md5: str = "", sha256: str = "") -> None:
    """Compare a file with the sum its publisher states, one of the two.

    Raises:
        UserError: the file is not the published one.
    """
    if sum_of(path, "sha256" if sha256 else "md5") != (sha256 or md5):
        raise UserError(f"data: {path} is not the published file, by its sum; fetch it again")


def sum_of(path: Path, kind: str) -> str:
    """A file's sum, "md5" or "sha256", in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def check_utf8(path: Path) -> None:
    """Refuse text in another encoding.

    Raises:
        UnreadableError: it says in which line it is not UTF-8 for the first time.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                told = f"first in line {number}; convert it, such as by iconv -f latin1 -t utf-8"
                raise UnreadableError(f"data: {path} is not UTF-8, {told}", path) from None


@contextmanager
def reading(path: Path, advice: str = "fetch it again") -> Iterator[None]:
    """Turn whatever a decoder raises at a broken file into one line that names the file, and says what to do."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # every decoder has errors of its own
        empty = path.is_file() and not path.stat().st_size
        told = "it is empty" if empty else f"{type(error).__name__}: {error}"
        raise UnreadableError(f"data: {path} cannot be read ({told}); {advice}", path) from error
