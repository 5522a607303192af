"""A path and what to do with it in, a file that is whole out, or one line that says why not."""

from __future__ import annotations

import errno
import json
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from safetensors import SafetensorError

from randquant.errors import UserError

T = TypeVar("T")

# What reading a file raises that is missing, closed to us, damaged, or of something else.
UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError),
    *(pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, SafetensorError),
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its target, flush it to disk, and rename it over the target.

    Whatever goes wrong, the target stays as it was, and nothing is left beside it; what a killed process left there
    is written over.

    Raises:
        UserError: the folder cannot be written, or the disk is full.
    """
    beside = path.with_name(f"{path.name}.part")
    with writing(path.parent):
        try:
            with beside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)


def replace_json(path: Path, values: dict[str, Any]) -> None:
    """`replace` a file by plain values."""
    replace(path, lambda file: file.write((json.dumps(values, indent=2) + "\n").encode()))


def read(path: Path, parse: Callable[[Path], T]) -> T:
    """What `parse` makes of a file.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        return parse(path)
    except FileNotFoundError:
        raise UserError(
            f"run: {path.parent} holds no {path.name}; finish the training with --resume, or a fine-tuning by the same "
            "command"
        ) from None
    except UNREADABLE as error:
        raise UserError(f"run: {path} cannot be read ({type(error).__name__}); it is damaged or not ours") from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a folder's refusal to be written into one line."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        refusal = (
            error if isinstance(error, OSError) else error.__context__
        )  # torch's writer raises its own error on it
        if not isinstance(refusal, OSError):
            raise
        advice = "make room there, or name" if refusal.errno in _FULL else "name"
        raise UserError(f"out: {folder} cannot be written ({refusal.strerror}); {advice} another folder") from error


def flush_folder(folder: Path) -> None:
    """Flush a folder's names to disk: a new name, or a name that is gone, outlives a loss of power only then."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
