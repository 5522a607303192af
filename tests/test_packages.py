"""packages: what clients bring is checked, then unpacked whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from randquant.data.entry import Entry, Package
from randquant.data.packages import fetch_packages
from randquant.errors import UserError

FILES = {"thing/data/a.csv": b"1,2\n", "thing/data/deep/b.csv": b"3,4\n", "thing/code.py": b"raise SystemExit\n"}
Client = Literal["pip", "apt", "npm"]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("thing/data/link.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes], packing: Literal["gz", "xz"] = "gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{packing}") as archive:
        link = tarfile.TarInfo("thing/data/link.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in files.items():
            one = tarfile.TarInfo(name)
            one.size = len(content)
            archive.addfile(one, io.BytesIO(content))
    return out.getvalue()


def debian(files: dict[str, bytes]) -> bytes:
    """An ar archive of three members: the format's version, the control files, the files, as `./path`."""
    out = b"!<arch>\n"
    control = tarred({"./control": b"Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"})
    data = tarred({name if name.startswith("/") else f"./{name}": content for name, content in files.items()}, "xz")
    for name, content in (("debian-binary", b"2.0\n"), ("control.tar.gz", control), ("data.tar.xz", data)):
        out += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
            + content
            + b"\n" * (len(content) % 2)
        )
    return out


# The name of the file that the client brings, by the client; pip brings two kinds.
KINDS = {
    "wheel": ("pip", "thing-1-py3-none-any.whl", zipped),
    "source": ("pip", "thing-1.tar.gz", tarred),
    "debian": ("apt", "thing_1%3a1_all.deb", debian),
    "npm": ("npm", "thing-1.tgz", tarred),
}
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb opens Debian packages")
EVERY = pytest.mark.parametrize("kind", ["wheel", "source", pytest.param("debian", marks=needs_dpkg), "npm"])
CLIENTS: dict[Client, str] = {"pip": "python", "apt": "apt-get", "npm": "npm"}


class Machine:
    """A data root, and clients that bring what they are told to and write down how they were called."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.bin, self.shelf = folder / "root", folder / "bin", folder / "shelf"
        self.calls = folder / "calls"
        for one in (self.root, self.bin, self.shelf):
            one.mkdir()
        patch.setenv("PATH", f"{self.bin}{os.pathsep}{os.environ['PATH']}")
        patch.setattr(sys, "executable", str(self.bin / "python"))

    def program(self, name: str, body: str) -> None:
        """Put a shell script on the path; `pip` is run by the interpreter."""
        file = self.bin / name
        file.write_text(f'#!/bin/sh\necho "$@" >> "{self.calls}"\n{body}\n')
        file.chmod(0o755)

    def brings(self, client: Client, name: str, content: bytes) -> str:
        """Let a client bring this file, and give its sum."""
        (self.shelf / name).write_bytes(content)
        self.program(CLIENTS[client], f'cp "{self.shelf / name}" .')
        return hashlib.sha256(content).hexdigest()

    def entry(self, *packages: Package) -> Entry:
        return Entry(
            name="thing", title="", domain="images", roles=("mini",), read=None, folder="mini/thing", packages=packages
        )

    def found(self) -> dict[str, bytes]:
        """All files below the data root, but for folders that should not be there."""
        return {str(one.relative_to(self.root)): one.read_bytes() for one in self.root.rglob("*") if one.is_file()}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def given(machine: Machine, kind: str, files: dict[str, bytes], *members: str, sha256: str = "") -> Entry:
    """An entry of one package of this kind that holds these files."""
    client, name, pack = KINDS[kind]
    found = machine.brings(client, name, pack(files))
    return machine.entry(Package(client, "thing", "1", sha256 or found, members or ("thing/data/**",)))


@EVERY
def test_what_is_wanted_is_unpacked_and_nothing_else(kind: str, machine: Machine) -> None:
    fetch_packages(given(machine, kind, FILES, "thing/data/**/*.csv"), machine.root)
    assert machine.found() == {
        "mini/thing/thing/data/a.csv": b"1,2\n",
        "mini/thing/thing/data/deep/b.csv": b"3,4\n",
    }
    assert [one.name for one in (machine.root / "mini").iterdir()] == ["thing"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("thing/data/*.csv", {"a.csv"}),
        ("thing/**/?.csv", {"a.csv", "deep/b.csv"}),
        ("**/b.csv", {"deep/b.csv"}),
        ("thing/data/a.csv", {"a.csv"}),
        ("thing/data/deep/**", {"deep/b.csv"}),
    ],
)
def test_patterns_of_paths(pattern: str, names: set[str], machine: Machine) -> None:
    fetch_packages(given(machine, "wheel", FILES | {"thing/data/axcsv": b""}, pattern), machine.root)
    assert {name.removeprefix("mini/thing/thing/data/") for name in machine.found()} == names


def test_each_client_is_asked_for_the_version_and_pip_for_the_sum_too(machine: Machine) -> None:
    for kind in ("wheel", "npm"):
        fetch_packages(given(machine, kind, FILES), machine.root)
    pip, npm = machine.calls.read_text().splitlines()
    assert pip.startswith("-m pip download --no-deps --require-hashes ")
    assert npm == "pack --ignore-scripts thing@1"
    machine.program("python", 'for last; do :; done; cat "$last" >&2; exit 1')
    with pytest.raises(UserError, match=rf"thing==1 --hash=sha256:{'0' * 64}$"):
        fetch_packages(machine.entry(Package("pip", "thing", "1", "0" * 64, ("*",))), machine.root)


@needs_dpkg
def test_apt_is_asked_for_the_version(machine: Machine) -> None:
    fetch_packages(given(machine, "debian", FILES), machine.root)
    assert machine.calls.read_text() == "download --quiet thing=1\n"


@EVERY
def test_another_sum_is_refused_before_anything_is_read(kind: str, machine: Machine) -> None:
    machine.program("dpkg-deb", "exit 0")
    entry = given(machine, kind, {"../out": b""}, sha256="0" * 64)
    with pytest.raises(UserError, match=r"^data: thing 1 as \w+ brought it is not the file that is expected"):
        fetch_packages(entry, machine.root)
    assert machine.found() == {}
    assert machine.calls.read_text().count("\n") == 1  # the client, and never dpkg-deb


@EVERY
@pytest.mark.parametrize("path", ["thing/../../../out.csv", "/tmp/out.csv", "..\\out.csv", "C:out.csv"])
def test_a_path_that_leads_out_is_refused(kind: str, path: str, machine: Machine) -> None:
    entry = given(machine, kind, FILES | {path: b"out"}, "**")
    with pytest.raises(UserError, match="which leads out of its folder; refused"):
        fetch_packages(entry, machine.root)
    assert machine.found() == {}
    assert list((machine.root / "mini").iterdir()) == []


def test_a_failure_leaves_what_stood_there_and_success_takes_its_place(machine: Machine) -> None:
    first = given(machine, "npm", FILES)
    fetch_packages(first, machine.root)
    (machine.root / "mini/thing/own.txt").write_text("mine")
    before = machine.found()
    with pytest.raises(UserError, match=r"thing 1 as npm brought it holds nothing that is named \*\.json$"):
        fetch_packages(given(machine, "npm", FILES, "thing/data/*", "*.json"), machine.root)
    assert machine.found() == before
    fetch_packages(given(machine, "npm", {"thing/data/a.csv": b"new"}), machine.root)
    assert machine.found() == before | {"mini/thing/thing/data/a.csv": b"new"}


def test_several_packages_come_whole_or_not_at_all(machine: Machine) -> None:
    (one,) = given(machine, "wheel", FILES, "**/a.csv").packages
    (two,) = given(machine, "npm", {"package/b.json": b"{}"}, "package/*").packages
    fetch_packages(machine.entry(one, two), machine.root)
    assert set(machine.found()) == {"mini/thing/thing/data/a.csv", "mini/thing/package/b.json"}
    shutil.rmtree(machine.root / "mini")
    machine.program("npm", "exit 3")
    with pytest.raises(UserError, match="npm could not fetch thing 1: it ended with 3 and left 0 files"):
        fetch_packages(machine.entry(one, two), machine.root)
    assert machine.found() == {}


@pytest.mark.parametrize(
    ("client", "said", "told"),
    [
        ("apt", "W: slow\nE: Version '1' for 'thing' was not found", "E: Version '1' for 'thing' was not found"),
        ("npm", "npm error code E404\nnpm error 404  Not Found\nnpm error A log is there", "npm error 404 Not Found"),
        ("pip", "WARNING: retrying\nERROR: No matching distribution\n\nnotice: new", "ERROR: No matching distribution"),
        ("pip", "something\nbroke", "broke"),
    ],
)
def test_a_client_that_fails_is_one_line(client: Client, said: str, told: str, machine: Machine) -> None:
    machine.program(CLIENTS[client], f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    with pytest.raises(UserError) as caught:
        fetch_packages(machine.entry(Package(client, "thing", "1", "0" * 64, ("*",))), machine.root)
    assert str(caught.value) == f"data: {client} could not fetch thing 1: {told}"


@pytest.mark.parametrize("client", ["pip", "apt", "npm"])
def test_a_missing_client_is_named(client: Client, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.bin))
    monkeypatch.setattr("randquant.data.packages.PathFinder.find_spec", lambda name: None)
    with pytest.raises(UserError, match=f"^data: {client} is needed to fetch thing 1; install it first$"):
        fetch_packages(machine.entry(Package(client, "thing", "1", "0" * 64, ("*",))), machine.root)
    assert machine.found() == {}


def test_a_file_that_is_no_archive_is_named(machine: Machine) -> None:
    sha256 = machine.brings("npm", "thing-1.tgz", b"not found")
    with pytest.raises(UserError, match=r"thing-1\.tgz cannot be read \(ReadError: "):
        fetch_packages(machine.entry(Package("npm", "thing", "1", sha256, ("*",))), machine.root)


def test_the_data_root_may_be_named_from_here(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(machine.root)
    fetch_packages(given(machine, "wheel", FILES, "thing/code.py"), Path())
    assert set(machine.found()) == {"mini/thing/thing/code.py"}
