"""An archive and a folder in; the archive's files in the folder out, or one line that names what is wrong with it.

Only regular files and folders are ever written, with the rights of any new file. So nothing can be written through a
link: one inside a tar file is written as a copy of the file it means, which must be in the archive too.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from randquant.errors import UserError

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError)


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of a tar file, compressed or not, or of a zip file into a folder that is there.

    Args:
        archive: a zip file if its name ends so, or else a tar file.
        folder: where its paths begin. After an error it holds some of them: give one that can be thrown away.

    Raises:
        UserError: the archive is broken, or holds something that would stand or point outside the folder.
    """
    try:
        for name, content in _zipped(archive) if archive.suffix == ".zip" else _tarred(archive):
            target = folder / _inside(archive, name)
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with content as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    except _BROKEN as error:
        raise UserError(f"data: {archive.name} cannot be unpacked ({type(error).__name__}: {error})") from error


def _inside(archive: Path, name: str) -> PurePosixPath:
    """The path of a member, once neither this system nor another would find it outside the folder."""
    if any(path.anchor or ".." in path.parts for path in (PurePosixPath(name), PureWindowsPath(name))):
        raise UserError(f"data: {archive.name} holds {name!r}, which lies outside its folder; all of it is refused")
    return PurePosixPath(name)


def _zipped(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Name and content of each member; None for a folder."""
    with zipfile.ZipFile(archive) as zipped:
        for one in zipped.infolist():
            if stat.S_ISLNK(one.external_attr >> 16):
                raise _refused(archive, one.filename, "a link")
            yield one.filename, None if one.is_dir() else zipped.open(one)


def _tarred(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Name and content of each member; None for a folder."""
    with tarfile.open(archive) as tarred:
        for member in tarred:
            if member.isdir():
                yield member.name, None
                continue
            try:
                content = tarred.extractfile(member)  # of a link, what it means, looked for in the archive alone
            except (KeyError, RecursionError):
                content = None
            if content is None:
                kind = f"a link to {member.linkname!r}" if member.issym() or member.islnk() else "neither file nor link"
                raise _refused(archive, member.name, kind)
            yield member.name, content


def _refused(archive: Path, name: str, kind: str) -> UserError:
    return UserError(f"data: {archive.name} holds {name!r}, {kind}, which is not safe; all of it is refused")
