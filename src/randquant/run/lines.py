"""Result lines in, the end of a file out: appended whole, so that several may write to it and none is torn."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from randquant.errors import UserError
from randquant.run.files import read


def append(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Append lines in a single write, flushed to disk; a line that an earlier end tore stays on its own.

    Processes take turns by a lock on the file, which NFS has too, where appending alone would overwrite.

    Raises:
        UserError: the file cannot be written.
    """
    text = "".join(json.dumps(line) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)  # until the file is closed
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else f"\n{text}"
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"out: cannot write {path} ({error.strerror}); name a folder you may write to") from error


def whole(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that are whole, the oldest first; none where it is not there.

    Raises:
        UserError: the file cannot be read.
    """
    if not path.exists():
        return []
    rows = read(path, lambda path: path.read_text(encoding="utf-8", errors="replace").splitlines())
    found = []
    for row in rows:
        with contextlib.suppress(ValueError):  # torn by an earlier end
            found.append(json.loads(row))
    return [line for line in found if isinstance(line, dict)]
