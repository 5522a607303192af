"""Bad input from the command line: one line, exit code 2, and what to do."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import paths
from randquant import cli

COMMANDS = {  # that take a path by itself
    "pretrain": "pretrain {path} --out {tmp}/out --steps 1",
    "doctor": "doctor {path}",
    "preview": "preview {path} --out {tmp}/out.html",
    "raw": "probe raw {path}",
}
LIKE = {  # those that read a path as a run's own
    "embed": "embed {run} {path} -o {tmp}/out.npy",
    "probe": "probe {run} {path}",
    "preview": "preview {path} --run {run} -o {tmp}/out.html",
    "view": "view {run} --data {path} -o {tmp}/out",
}
OWN = {  # what the runs were trained on, by the suffix of what is read like it
    ".npy": (paths.array((3, 40)), ""),
    ".csv": (paths.people, "--label y"),
    ".txt": (paths.texts, ""),
    ".jsonl": (paths.records, "--label y"),
    "pictures": (paths.pictures, ""),
    "sounds": (paths.sounds, ""),
    "bands": (paths.bands, ""),
    "captioned": (paths.captioned, "--label y"),
    "long.csv": (paths.long, "--id series --label y"),
}


def nothing(folder: Path) -> Path:
    return folder / "nothing.npy"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def empty_file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(b"")
        return folder / name

    return make


def lines(name: str, *rows: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes("\n".join(rows).encode(encoding))
        return folder / name

    return make


def saved(values: object, name: str = "array.npy") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        np.save(folder / name, np.array(values), allow_pickle=True)
        return folder / name

    return make


def objects(folder: Path) -> Path:
    ragged = np.empty(3, dtype=object)
    ragged[:] = [np.zeros(2), np.zeros(3), np.zeros(4)]
    np.save(folder / "ragged.npy", ragged, allow_pickle=True)
    return folder / "ragged.npy"


def cut_off(folder: Path) -> Path:
    path = paths.array((3, 40))(folder)
    path.write_bytes(path.read_bytes()[:600])
    return path


def mixed_kinds(folder: Path) -> Path:
    (paths.pictures(folder) / "sound.wav").write_bytes(b"RIFF")
    return folder / "pictures"


def broken_picture(folder: Path) -> Path:
    (paths.pictures(folder) / "no" / "00.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder / "pictures"


def mixed_bands(folder: Path) -> Path:
    import tifffile

    tifffile.imwrite(paths.bands(folder) / "odd.tif", np.zeros((7, 12, 12), np.uint16))
    return folder / "bands"


def silent_bytes(folder: Path) -> Path:
    (paths.sounds(folder) / "00.wav").write_bytes(b"")
    return folder / "sounds"


def lost_picture(folder: Path) -> Path:
    (paths.captioned(folder) / "3.png").unlink()
    return folder / "captioned"


def three_shapes(folder: Path) -> Path:
    np.save(folder / "y.npy", np.arange(5))
    return paths.array((4,))(folder)


BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    # what makes the path, what is typed after it, what the line must say
    "no such path": (nothing, "", "does not exist"),
    "no such name": (lambda folder: Path("digitz"), "", "no path; did you mean digits?"),
    "empty folder": (empty_folder, "", "holds no pictures, recordings or texts"),
    "unknown kind": (lines("model.xyz", "x"), "", "is none of .npy"),
    "empty file": (empty_file("a.csv"), "", "is empty"),
    "mixed kinds": (mixed_kinds, "", "mixed kinds: 24 images, 1 sounds"),
    "mixed channels": (mixed_bands, "", "mixed channels: 00.tif has 5 and odd.tif has 7"),
    "broken picture": (broken_picture, "", "no/00.png cannot be read"),
    "empty wav": (silent_bytes, "", "00.wav cannot be read (it is empty)"),
    "missing picture": (lost_picture, "", "holds no such file"),
    "objects": (objects, "", "never unpickled"),
    "words": (saved(["a", "b"]), "", "of type <U1"),
    "a number each": (saved([1.0, 2.0]), "", "holds no samples"),
    "one sample": (saved([[1.0, 2.0]]), "", "holds 1 sample, needs 2"),
    "infinite": (saved([[[1.0, 2.0, np.inf]], [[1.0, 2.0, 3.0]]]), "", "infinite values"),
    "all the same": (saved(np.zeros((9, 2, 8))), "", "nothing to learn"),
    "cut off": (cut_off, "", "cannot be read"),
    "other labels": (three_shapes, "--label y.npy", "has shape (5,), must be (24,)"),
    "long line": (lines("a.csv", "a,b", "1,2", "3,4,5"), "", "cannot be read"),
    "short line": (lines("a.csv", "a,b", "1,2", "3"), "", "cannot be read"),
    "one row": (lines("a.csv", "a,b", "1,2"), "", "holds 1 sample, needs 2"),
    "no rows": (lines("a.csv", "a,b"), "", "a line of column names and no rows"),
    "another encoding": (lines("a.csv", "a,b", "e,2", "ü,3", encoding="latin1"), "", "not UTF-8, first in line 3"),
    "another encoding of text": (lines("a.txt", "ab", "é", encoding="latin1"), "", "not UTF-8, first in line 2"),
    "broken json": (lines("a.jsonl", '{"text": "a"}', "{"), "", "no JSON in line 2"),
    "no json object": (lines("a.jsonl", '{"text": "a"}', "3"), "", "no object in line 2"),
    "missing label": (paths.people, "--label who", "no column 'who'; its columns are: row, age"),
    "words in time": (lines("a.csv", "s,t,a", "x,u,1", "x,v,2", "y,u,3"), "--id s --time t", "column 't' holds words"),
    "missing group": (paths.people, "--group who", "no column 'who'"),
    "one group": (paths.people, "--group still --holdout 0.2", "the same throughout"),
    "label within a series": (paths.long, "--id series --label a", "differs within the series"),
    "no numbers": (lines("a.csv", "s,w", "x,u", "x,v", "y,u"), "--id s", "no column of numbers"),
    "channel axis": (paths.array((3, 40)), "--channel-axis 5", "channel_axis: got 5"),
    "patch": (paths.array((3, 40)), "--patch 50", "patch: got 50, must be at most 40"),
    "holdout": (paths.people, "--holdout 1.5", "holdout: got 1.5"),
    "all held out": (paths.people, "--group person --holdout 0.99", "leaves no group"),
}


@pytest.fixture(autouse=True)
def _terminated_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


OF_PRETRAIN = ("holdout", "all held out")
LISTED = ("broken picture", "empty wav")  # which doctor lists as findings, with exit code 2
FOUND = (*LISTED, "infinite")
LIKE_A_RUNS = {  # what a run's own commands say of a path, "" where it is the same
    "no such path": "",
    "no such name": "",
    "empty folder": "",
    "mixed kinds": "",
    "mixed channels": "odd.tif has 7 channels, but others have 5",
    "broken picture": "",
    "empty wav": "",
    "missing picture": "",
    "objects": "",
    "words": "",
    "a number each": "has shape (2,), which lacks axes",
    "cut off": "",
    "long line": "",
    "one row": "a.csv has no column",
    "another encoding": "",
    "another encoding of text": "",
    "broken json": "",
    "missing label": "",
    "one group": "",
    "label within a series": "",
    "channel axis": "",
    "patch": "is part of its encoder",
}


def refused(typed: str, capfd: pytest.CaptureFixture[str]) -> str:
    """What a command says, once it has said it in one line."""
    code = cli.main(typed.split())
    out, said = capfd.readouterr()
    assert (code, out) == (2, ""), said
    assert said.startswith("randquant: error: ")
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, words, told = BAD[name]
    path = make(tmp_path)
    for command, typed in COMMANDS.items():
        if command == "pretrain" or not (name in OF_PRETRAIN or (command == "doctor" and name in FOUND)):
            without = words if command == "pretrain" else words.partition("--holdout")[0]
            said = refused(f"{typed.format(path=path, tmp=tmp_path)} {without}", capfd)
            assert told in said, command
    assert not list(tmp_path.glob("out*"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run for each of OWN, its encoder as it was drawn."""
    before = signal.getsignal(signal.SIGTERM)
    sizes = "--width 8 --depth 1 --heads 1 --head-width 4 --mlp-width 8"
    found = {}
    for kind, (make, words) in OWN.items():
        folder = tmp_path_factory.mktemp("own")
        typed = f"pretrain {make(folder)} --out {folder}/run --method none --device cpu --quiet {sizes} {words}"
        assert cli.main(typed.split()) == 0
        found[kind] = folder / "run"
    signal.signal(signal.SIGTERM, before)
    return found


@pytest.mark.parametrize("name", LIKE_A_RUNS)
def test_bad_input_is_one_line_for_a_run_too(
    name: str, runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, words, told = BAD[name]
    path = make(tmp_path)
    run = runs.get(path.name) or runs.get(path.suffix) or runs["pictures"]
    for command, typed in LIKE.items():
        said = refused(f"{typed.format(path=path, tmp=tmp_path, run=run)} {words.partition(' --holdout')[0]}", capfd)
        assert (LIKE_A_RUNS[name] or told) in said, command
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("name", LISTED)
def test_doctor_lists_files_that_cannot_be_read(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, _, told = BAD[name]
    assert cli.main(["doctor", str(make(tmp_path))]) == 2
    out, said = capfd.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[1][0] == "unreadable"
    assert told in rows[1][1]
    assert "23 of 23 samples of train" in said


def test_doctor_names_some_of_many_files_that_cannot_be_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = paths.sounds(tmp_path)
    for row in range(12):
        (folder / f"{row:02}.wav").write_bytes(b"")
    assert cli.main(["doctor", str(folder)]) == 2
    out, said = capfd.readouterr()
    assert "at least 10 files cannot be read: " in out
    assert "; and 7 more" in out
    assert said == "1 finding in what was read\n"


def test_an_output_that_exists_is_not_written_over(
    runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, run = paths.people(tmp_path), runs[".csv"]
    for name in ("out", "out.npy", "out.html"):
        (tmp_path / name).write_text("mine")
    for command in ("embed", "preview", "view"):
        said = refused(LIKE[command].format(path=path, tmp=tmp_path, run=run), capfd)
        assert "exists; name another file, or give --overwrite" in said
    assert "holds a run already" in refused(f"pretrain {path} --out {run}", capfd)
    assert "out cannot be written (it is a file); name another folder" in refused(
        f"pretrain {path} --out {tmp_path}/out", capfd
    )
    assert {(tmp_path / name).read_text() for name in ("out", "out.npy", "out.html")} == {"mine"}


@pytest.mark.parametrize("command", ["probe", "view", "doctor"])
def test_a_label_that_says_nothing_is_refused(
    command: str, runs: dict[str, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = {**COMMANDS, **LIKE}[command].format(path=paths.people(tmp_path), tmp=tmp_path, run=runs[".csv"])
    assert "column 'still' has the same label throughout" in refused(f"{typed} --label still", capfd)
