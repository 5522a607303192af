"""Bad input from the command line: one line, exit code 2, and what to do."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import paths
from randquant import cli

TRAIN = "pretrain {path} --out {tmp}/run --steps 1"


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
    "mixed channels": (mixed_bands, "", "mixed channels: 00.tif has 5, odd.tif has 7"),
    "broken picture": (broken_picture, "", "no/00.png cannot be read"),
    "empty wav": (silent_bytes, "", "00.wav cannot be read"),
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
    "no rows": (lines("a.csv", "a,b"), "", "Empty CSV file"),
    "another encoding": (lines("a.csv", "a,b", "é,2", "ü,3", encoding="latin1"), "", "a.csv"),
    "another encoding of text": (lines("a.txt", "ab", "é", encoding="latin1"), "", "not UTF-8, first in line 2"),
    "broken json": (lines("a.jsonl", '{"text": "a"}', "{"), "", "no JSON in line 2"),
    "no json object": (lines("a.jsonl", '{"text": "a"}', "3"), "", "no object in line 2"),
    "missing label": (paths.people, "--label who", "no column 'who'; its columns are: row, age"),
    "missing group": (paths.people, "--group who", "no column 'who'"),
    "one group": (paths.people, "--group still --holdout 0.2", "the same throughout"),
    "label within a series": (paths.long, "--id series --label a", "differs within the series"),
    "no numbers": (lines("a.csv", "s,w", "x,u", "x,v", "y,u"), "--id s", "no column of numbers"),
    "channel axis": (paths.array((3, 40)), "--channel-axis 5", "channel_axis: got 5"),
    "patch": (paths.array((3, 40)), "--patch 50", "patch: got (50,)"),
    "holdout": (paths.people, "--holdout 1.5", "holdout: got 1.5"),
    "all held out": (paths.people, "--group person --holdout 0.99", "leaves no group"),
}


@pytest.fixture(autouse=True)
def _terminated_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, words, told = BAD[name]
    path = make(tmp_path)
    code = cli.main([*TRAIN.format(path=path, tmp=tmp_path).split(), *words.split()])
    out, said = capfd.readouterr()
    assert (code, out) == (2, "")
    assert said.startswith("randquant: error: ")
    assert said.count("\n") == 1
    assert told in said
    assert not (tmp_path / "run").exists()
