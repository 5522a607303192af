"""The path of a file to be written in; the same out, or one line that says why nothing can be written there."""

from __future__ import annotations

from pathlib import Path

from randquant.errors import UserError


def new_file(path: Path, *, overwrite: bool) -> Path:
    """The path, whose folder is made if it is not there.

    Raises:
        UserError: a file is there and is to stay, a folder is there, or its folder cannot be made.
    """
    if path.is_dir():
        raise UserError(f"out: {path} is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise UserError(f"out: {path} exists; name another file, or give --overwrite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out: cannot make {path.parent} ({error.strerror}); name a folder you may write to") from error
    return path
