"""data get: files from a server of this machine, whole and of their sum in the right folder, or no trace of them."""

from __future__ import annotations

import hashlib
import io
import socket
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from randquant import cli
from randquant.data import DATASETS, Dataset, Entry, Source
from randquant.data import get as getting
from randquant.data.archive import unpack
from randquant.data.entry import Package
from randquant.data.fetch import fetch_sources
from randquant.data.present import folder_of
from randquant.errors import UserError

ARCHIVES = ("toy.tar.gz", "toy.tgz", "toy.zip")


class Server(ThreadingHTTPServer):
    """Sends files from memory and counts how often each is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()  # those that break off in the middle
        self.asked: list[str] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def source(self, name: str, content: bytes, *, unpack: bool = True, under: str = "") -> Source:
        """A file that is served, and its true sum."""
        self.files[name] = content
        return Source(self.url(name), md5=hashlib.md5(content).hexdigest(), unpack=unpack, under=under)


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path[1:]
        self.server.asked.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if name in self.server.cut else content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "root"
    monkeypatch.setenv("RANDQUANT_DATA", str(root))
    monkeypatch.setattr("signal.signal", lambda *_: None)  # SIGTERM means what it meant before
    return root


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Opens nothing but sees whether a.txt is there; the data set itself is asked for by no test here."""
    folder_of(entry, root, "inner/a.txt")
    return None  # type: ignore[return-value]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry]:
    """Makes an entry of the catalogue for the length of a test."""

    def entered(name: str = "toy", **facts: object) -> Entry:
        told = {"read": read, "folder": name, "layout": "inner/a.txt", "title": name.title()} | facts
        entry = Entry(name=name, domain="images", roles=("transfer",), **told)  # type: ignore[arg-type]
        monkeypatch.setitem(DATASETS, name, entry)
        return entry

    return entered


def packed(name: str, files: dict[str, bytes]) -> bytes:
    """An archive of the kind its name says."""
    out = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(out, "w") as zipped:
            for path, content in files.items():
                zipped.writestr(path, content)
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w:gz") as tarred:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tarred.addfile(member, io.BytesIO(content))
    return out.getvalue()


def tarred(*members: tarfile.TarInfo) -> bytes:
    """A tar file of a regular file and these members without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        good = tarfile.TarInfo("inner/a.txt")
        good.size = 2
        archive.addfile(good, io.BytesIO(b"aa"))
        for member in members:
            archive.addfile(member)
    return out.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def refused(capfd: pytest.CaptureFixture[str], *parts: str) -> None:
    """`data get toy` says one line, in which these parts stand, and exits with 2."""
    assert cli.main(["data", "get", "toy"]) == 2
    out, told = capfd.readouterr()
    *before, line = told.splitlines()
    assert out == ""
    assert all(one.startswith("fetching http://127.0.0.1:") for one in before)
    assert line.startswith("randquant: error: data: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_fetched_and_unpacked_once(
    name: str, server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"inner/a.txt": b"aa", "inner/deep/b.txt": b""}
    enter(sources=(server.source(name, packed(name, files)),))
    assert cli.main(["data", "get", "toy"]) == 0
    assert capfd.readouterr().out == f"toy: fetched into {root / 'toy'}\n"
    assert files_below(root) == {f"toy/{path}": content for path, content in files.items()}
    assert cli.main(["data", "get", "toy"]) == 0
    out, told = capfd.readouterr()
    assert out.startswith(f"toy: is there already, in {root / 'toy'}; nothing was fetched")
    assert (told, server.asked) == ("", [name])


def test_a_file_is_put_where_it_belongs(server: Server, root: Path, enter: Callable[..., Entry]) -> None:
    sum256 = hashlib.sha256(b"labels").hexdigest()
    server.files["la%20bels.mat?download=1"] = b"labels"
    enter(
        sources=(
            Source(server.url("la%20bels.mat?download=1"), sha256=sum256, unpack=False, under="deep/er"),
            server.source("x.zip", packed("x.zip", {"a.txt": b"aa"}), under="inner"),
        )
    )
    assert cli.main(["data", "get", "toy", "--quiet"]) == 0
    assert files_below(root) == {"toy/deep/er/la bels.mat": b"labels", "toy/inner/a.txt": b"aa"}


def test_a_file_of_another_sum_leaves_nothing(
    server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    first = server.source("first.zip", packed("first.zip", {"inner/a.txt": b"aa"}))
    second = server.source("second.txt", b"as published", unpack=False)
    server.files["second.txt"] = b"as tampered!"
    enter(sources=(first, second))
    refused(capfd, server.url("second.txt"), "another file", "md5", hashlib.md5(b"as tampered!").hexdigest())
    assert server.asked == ["first.zip", "second.txt"]
    assert list(root.iterdir()) == []


def test_a_source_without_a_sum_is_never_taken(server: Server, root: Path, enter: Callable[..., Entry]) -> None:
    server.files["x.txt"] = b"x"
    entry = enter(sources=(Source(server.url("x.txt"), unpack=False),))
    with pytest.raises(UserError, match="another file"):
        fetch_sources(entry, root, quiet=True)
    assert list(root.iterdir()) == []


def test_a_half_download_never_looks_whole(
    server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    content = packed("toy.zip", {"inner/a.txt": bytes(1000)})
    enter(sources=(server.source("toy.zip", content),))
    server.cut.add("toy.zip")
    refused(capfd, f"broke off after {len(content) // 2:,} of {len(content):,} bytes")
    assert list(root.iterdir()) == []
    server.cut.clear()
    assert cli.main(["data", "get", "toy"]) == 0


def test_its_name_comes_with_its_sum_and_an_interrupt_leaves_nothing(
    server: Server, root: Path, enter: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = enter(sources=(server.source("toy.tgz", packed("toy.tgz", {"inner/a.txt": bytes(9)})),))
    seen: list[list[str]] = []

    class Interrupted(io.BytesIO):
        headers: ClassVar[dict[str, str]] = {}

        def read(self, size: int | None = -1) -> bytes:
            seen.append([one.name for one in root.rglob("*") if one.is_file()])
            if len(seen) == 2:
                raise KeyboardInterrupt
            return super().read(3)

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Interrupted(b"123456"))
    with pytest.raises(KeyboardInterrupt):
        fetch_sources(entry, root, quiet=True)
    assert seen == [["toy.tgz.part"], ["toy.tgz.part"]]
    assert list(root.iterdir()) == []


def test_no_network_and_no_file_are_one_line(
    server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/toy.zip"
        enter(sources=(Source(closed, md5="0" * 32),))
        refused(capfd, closed, "refused")
    enter(sources=(Source(server.url("gone.zip"), md5="0" * 32),))
    refused(capfd, server.url("gone.zip"), "404")
    assert list(root.iterdir()) == []


def test_an_answer_that_is_not_http_is_one_line(
    root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as met:
            met.recv(1 << 16)
            met.sendall(b"I speak no such language\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/toy.zip"
        enter(sources=(Source(url, md5="0" * 32),))
        refused(capfd, url, "I speak no such language")
        thread.join()
    assert list(root.iterdir()) == []


def test_too_large_a_file_is_refused_before_it_comes(
    server: Server,
    root: Path,
    enter: Callable[..., Entry],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    enter(sources=(server.source("toy.txt", bytes(1001), unpack=False),))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    refused(capfd, server.url("toy.txt"), "1.0 kB", "no room", "RANDQUANT_DATA")
    assert list(root.iterdir()) == []


def zip_link() -> bytes:
    out = io.BytesIO()
    one = zipfile.ZipInfo("inner/evil")
    one.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr(one, "../../outside")
    return out.getvalue()


EVIL = {
    "up.tgz": ("../outside", packed("up.tgz", {"inner/a.txt": b"a", "../outside": b"x"})),
    "within.tgz": ("inner/../../outside", packed("within.tgz", {"inner/../../outside": b"x"})),
    "up.zip": ("../outside", packed("up.zip", {"inner/a.txt": b"a", "../outside": b"x"})),
    "root.tgz": ("{tmp}/outside", b""),
    "root.zip": ("{tmp}/outside", b""),
    "windows.zip": ("..\\outside", packed("windows.zip", {"..\\outside": b"x"})),
    "folder.tgz": ("../outside", tarred(link("../outside", "", tarfile.DIRTYPE))),
    "link.tgz": ("evil", tarred(link("evil", "../../outside"))),
    "absolute.tgz": ("evil", tarred(link("evil", "/etc/passwd"))),
    "hard.tgz": ("evil", tarred(link("evil", "../../outside", tarfile.LNKTYPE))),
    "through.tgz": ("evil", tarred(link("evil", ".."), link("evil/outside", "", tarfile.DIRTYPE))),
    "itself.tgz": ("evil", tarred(link("evil", "evil"))),
    "pipe.tgz": ("evil", tarred(link("evil", "", tarfile.FIFOTYPE))),
    "link.zip": ("inner/evil", zip_link()),
}


@pytest.mark.parametrize("name", EVIL)
def test_an_archive_that_leads_out_of_its_folder_is_refused_by_name(
    name: str,
    server: Server,
    root: Path,
    tmp_path: Path,
    enter: Callable[..., Entry],
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine").write_text("mine")
    member, content = EVIL[name]
    if "{tmp}" in member:
        member = member.format(tmp=tmp_path / "outside")
        content = packed(name, {member: b"x"})
    enter(sources=(server.source(name, content),))
    refused(capfd, name, repr(member), "refused")
    assert list(root.iterdir()) == []
    assert files_below(tmp_path) == {"outside/mine": b"mine"}


def test_a_link_inside_an_archive_is_a_copy(tmp_path: Path) -> None:
    archive = tmp_path / "toy.tar"
    archive.write_bytes(tarred(link("inner/soft", "a.txt"), link("hard", "inner/a.txt", tarfile.LNKTYPE)))
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == {"inner/a.txt": b"aa", "inner/soft": b"aa", "hard": b"aa"}
    assert not any(one.is_symlink() for one in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_broken_archive_is_one_line(
    name: str, server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    content = packed(name, {"inner/a.txt": bytes(range(256)) * 99})
    enter(sources=(server.source(name, content[: len(content) // 2]),))
    refused(capfd, name, "cannot be unpacked")
    assert list(root.iterdir()) == []


def test_what_cannot_be_fetched_is_told(
    root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    enter(obtain="from the post office, window 5", licence="registration")
    refused(capfd, "registration", "obtain it from the post office, window 5", f"{root / 'toy'},", "hold inner/a.txt")
    (root / "toy").mkdir(parents=True)
    (root / "toy" / "b.txt").write_text("b")  # there, but not what is needed
    refused(capfd, f"toy needs {root / 'toy' / 'inner/a.txt'}", "the post office")
    (root / "toy" / "inner").mkdir()
    (root / "toy" / "inner" / "a.txt").write_text("a")
    assert cli.main(["data", "get", "toy"]) == 0


def test_what_it_needs_is_fetched_first_and_one_failure_keeps_no_other(
    server: Server, root: Path, enter: Callable[..., Entry], capfd: pytest.CaptureFixture[str]
) -> None:
    enter("words", read=None, sources=(server.source("words.txt", b"w", unpack=False),))
    enter("lost", read=None, obtain="from nobody")

    def needing(entry: Entry, root: Path, faithful: bool) -> Dataset:
        raise UserError("data: toy needs lost")

    toy = server.source("toy.zip", packed("toy.zip", {"inner/a.txt": b"aa"}))
    enter(sources=(toy,), needs=("words", "lost"), read=needing)
    assert cli.main(["data", "get", "toy", "words"]) == 2
    out, told = capfd.readouterr()
    assert out.splitlines() == [f"words: fetched into {root / 'words'}", f"toy: fetched into {root / 'toy'}"]
    assert server.asked == ["words.txt", "toy.zip"]
    assert "obtain it from nobody" in told
    assert told.splitlines()[-1].startswith("randquant: error: data: lost could not be fetched")
    assert cli.main(["data", "get", "toy"]) == 2  # what is there is not opened while something it needs is missing
    assert server.asked == ["words.txt", "toy.zip"]


def test_what_needs_no_files_is_told(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "get", "digits"]) == 0
    assert capfd.readouterr().out == "digits: needs no files; nothing was fetched\n"
    assert not root.exists()


def test_in_a_shared_or_broken_folder_what_lacks_is_added(
    server: Server, root: Path, enter: Callable[..., Entry]
) -> None:
    (root / "shared" / "inner").mkdir(parents=True)
    (root / "shared" / "inner" / "b.txt").write_text("of another set")
    enter(folder="shared", sources=(server.source("toy.zip", packed("toy.zip", {"inner/a.txt": b"aa"})),))
    assert cli.main(["data", "get", "toy"]) == 0
    assert files_below(root) == {"shared/inner/a.txt": b"aa", "shared/inner/b.txt": b"of another set"}


def test_packages_are_fetched_by_their_clients(
    root: Path, enter: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    entry = enter(packages=(Package("npm", "toy-data", "1.0.0", "0" * 64, ("*",)),))
    asked: list[tuple[Entry, Path]] = []
    monkeypatch.setattr(getting, "fetch_packages", lambda *words: asked.append(words))
    assert cli.main(["data", "get", "toy"]) == 0
    assert asked == [(entry, root)]
    assert capfd.readouterr().err == "toy: toy-data by npm\n"


def test_what_needs_no_registration_and_has_a_known_sum_is_fetched() -> None:
    roles = [(one.name, role) for one in DATASETS.values() if one.of_benchmark for role in one.roles]
    by_hand = {one.name for one in DATASETS.values() if one.of_benchmark and one.obtain}
    registered = {name for name in by_hand if DATASETS[name].licence.startswith("registration")}
    fluent = {"fluent_location", "fluent_action", "fluent_object"}
    assert registered == {"imagenet", "voxceleb1", "chexpert"} | fluent
    assert by_hand - registered == {"audio_mnist", "wikitext103", "mrpc", "mc4", "pamap2", "chestxray8", "vqa"}
    told = (Path(__file__).parents[1] / "docs/dabs.md").read_text(encoding="utf-8")
    assert f"{sum(name not in by_hand for name, _ in roles)} of the {len(roles)} roles" in told


def test_the_sources_of_the_catalogue_have_one_sum_each() -> None:
    sources = [source for entry in DATASETS.values() for source in entry.sources]
    assert sources
    for source in sources:
        assert source.url.startswith(
            ("https://", "http://images.cocodataset.org/")
        )  # which has no other; the sum tells
        assert (len(source.md5), len(source.sha256)) in {(32, 0), (0, 64)}
    for name, entry in DATASETS.items():
        assert not entry.folder or entry.sources or entry.packages or entry.obtain, f"{name} cannot be obtained"
        assert set(entry.needs) <= set(DATASETS)
