"""Tables larger than what is held in memory: the same samples, through files of columns that are mapped."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import paths
from randquant.data import Batch, open_data
from randquant.data.own import pieces, samples, tables, texts
from randquant.data.own.stored import Stored, Words
from randquant.errors import UserError


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """From its call on every table is one too large to be held; gives the folder for their columns."""

    def begin() -> Path:
        monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path / "root"))
        monkeypatch.setattr(tables, "HELD", -1)
        monkeypatch.setattr(texts, "HELD", -1)
        monkeypatch.setattr(texts, "_ROWS", 7)
        monkeypatch.setattr(pieces, "_BLOCK", 400)
        monkeypatch.setattr(pieces, "_ROWS", 7)
        return tmp_path / "root" / "columns"

    return begin


def as_parquet(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        path = make(folder)
        pd.read_csv(path).to_parquet(path.with_suffix(".parquet"))
        return path.with_suffix(".parquet")

    return made


CASES: dict[str, tuple[Callable[[Path], Path], dict[str, Any]]] = {
    "table": (paths.people, {"label": "y", "group": "person", "holdout": 0.3}),
    "names": (paths.people, {"id": "row", "label": "age"}),
    "series": (paths.long, {"id": "series", "time": "when", "label": "y", "group": "person"}),
    "commas": (paths.commas, {}),
    "parquet": (as_parquet(paths.people), {"label": "y"}),
    "series in parquet": (as_parquet(paths.long), {"id": "series", "time": "when"}),
    "texts": (paths.texts, {"holdout": 0.3}),
    "records": (paths.records, {"label": "y", "holdout": 0.3}),
    "captions": (paths.captioned, {"label": "y"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_large_table_gives_the_same_samples(
    name: str, large: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, choices = CASES[name]
    path = make(tmp_path)
    held = open_data(str(path), **choices)
    large()
    monkeypatch.setattr(samples, "HELD", 0)
    mapped = open_data(str(path), **choices)
    assert held.own is not None
    assert mapped.own is not None
    assert mapped.own.to_dict() == held.own.to_dict()
    assert mapped.classes == held.classes
    for part, some in held.parts.items():
        rows = torch.arange(len(some.ids)).flip(0)
        other = mapped.parts[part]
        assert not isinstance(other, Batch)
        sent = pickle.dumps(other)
        assert len(sent) < 20_000
        one, again = some.take(rows), pickle.loads(sent).take(rows)
        for values, same in zip([*one.inputs, one.ids], [*again.inputs, again.ids], strict=True):
            torch.testing.assert_close(same, values, rtol=0, atol=0, equal_nan=True)
        for labels, theirs in ((one.target, again.target), (one.groups, again.groups)):
            assert (labels is None) == (theirs is None)
            assert labels is None or torch.equal(labels, theirs)


def test_columns_are_written_once_and_anew_when_the_file_changes(
    large: Callable[[], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = large()
    path = paths.people(tmp_path)
    columns = tables.read_columns(path, [])
    assert isinstance(columns, Stored)
    assert isinstance(columns["city"], Words)
    assert columns["city"][3:5].tolist() == ["a", "b"]
    assert "24 rows of people.csv are written as columns, once" in capfd.readouterr().err
    tables.read_columns(path, [])
    assert capfd.readouterr().err == ""
    before = list(folder.iterdir())
    path.write_text(path.read_text() + "24,1,2,abc,no,p9,same\n")
    assert len(tables.read_columns(path, [])["age"]) == 25
    after = list(folder.iterdir())
    assert len(before) == len(after) == 1
    assert before != after
    path.write_text(path.read_text() + "25,1\n")
    with pytest.raises(UserError, match=r"people.csv cannot be read .*Expected 7 columns, got 2"):
        tables.read_columns(path, [])
    assert list(folder.iterdir()) == after


def test_a_column_is_what_all_its_cells_are(large: Callable[[], Path], tmp_path: Path) -> None:
    rows = [(n, n, n, "true", "2020-01-01", "08:30", f" {n}", "", "NA" if n % 2 else "é, ") for n in range(99)]
    rows.append((1.5, "x", "", "false", "2020-01-02T00:00:01", "23:59", "1e3", "", "z"))
    names = ("ints", "words", "gap", "truth", "when", "clock", "spaced", "empty", "text")
    path = paths.table(tmp_path / "t.csv", names, rows)
    held = tables.read_columns(path, [])
    large()
    mapped = tables.read_columns(path, [])
    assert list(mapped) == list(held)
    for name, values in held.items():
        assert mapped[name].dtype.kind == values.dtype.kind, name
        np.testing.assert_array_equal(mapped[name][:], values[:], err_msg=name)
    assert mapped["text"][[0, 1, 99]].tolist() == ["é, ", None, "z"]


MEMORY = """
import sys, threading, torch
from randquant.data import open_data
from randquant.data.own import samples
from randquant.pretrain.feed import feed
def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024
def read(path):
    batches = feed(open_data(path).parts["train"], torch.device("cpu"), seed=0, batch=64)
    for _ in range(20):
        next(batches)
samples.HELD = 0
read(sys.argv[1])  # imports and compiled kernels are not the table's
before = peak = held()
def watch():
    global peak
    while True:
        peak = max(peak, held())
        ended.wait(0.005)
ended = threading.Event()
threading.Thread(target=watch, daemon=True).start()
read(sys.argv[2])
print(peak - before)
"""


@pytest.mark.soak
def test_a_table_larger_than_what_is_held_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path / "root"))
    small, path, rng = tmp_path / "small.csv", tmp_path / "large.csv", np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100_000, 24)), columns=[f"c{one}" for one in range(24)])
    frame[:1000].to_csv(small, index=False)
    for place in range(10):
        frame.to_csv(path, mode="a", header=place == 0, index=False)
    assert path.stat().st_size > 400e6
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(small), str(path)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 200
