"""own: a path of any kind becomes samples, says what it inferred, and is read the same way again."""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import paths
from randquant.data import Batch, Dataset, Form, open_data
from randquant.data.own import samples
from randquant.data.own.patches import choose_patch
from randquant.data.own.samples import digests
from randquant.data.own.tables import read_columns
from randquant.errors import UserError
from randquant.spec import Grid, Table, Target, Tokens

Make = Callable[[Path], Path]

CASES: dict[str, tuple[Make, dict[str, Any], tuple[Any, ...], str]] = {
    # what makes the path, how it is read, the inputs (of tokens, their class), and a line that is said
    "table": (paths.array((5,)), {}, (Table,), "a table of 5 columns"),
    "many columns": (paths.array((300,)), {}, (Grid(1, (300,), (5,)),), "a signal of 300 steps"),
    "channels first": (paths.array((3, 40)), {}, (Grid(3, (40,), (2,)),), "channels first: 3"),
    "channels last": (paths.array((40, 3)), {}, (Grid(3, (40,), (2,)),), "channels last: 3"),
    "told": (paths.array((40, 3)), {"channel_axis": 1, "patch": (1,)}, (Grid(40, (3,), (1,)),), "as --channel-axis"),
    "grey": (paths.array((28, 28), "uint8"), {}, (Grid(1, (28, 28), (4, 4)),), "no axis of channels"),
    "colour": (paths.array((16, 16, 3), "uint8"), {}, (Grid(3, (16, 16), (2, 2)),), "channels last: 3"),
    "bands first": (paths.array((12, 8, 8)), {}, (Grid(12, (8, 8), (2, 2)),), "channels first: 12"),
    "few places": (paths.array((32, 7, 7)), {}, (Grid(32, (8, 8), (2, 2), gaps=True),), "filled up to 8x8"),
    "volumes": (paths.array((1, 8, 8, 8)), {}, (Grid(1, (8, 8, 8), (2, 2, 2)),), "channels first: 1"),
    "cubes": (paths.array((8, 8, 8)), {}, (Grid(1, (8, 8, 8), (2, 2, 2)),), "no axis of channels"),
    "odd length": (paths.array((2, 199)), {}, (Grid(2, (200,), (4,), gaps=True),), "filled up to 200"),
    "shorter": (paths.array((2, 199)), {"length": 64, "patch": (8,)}, (Grid(2, (64,), (8,)),), "as --patch says"),
    "npz": (paths.archive, {"label": "y"}, (Grid(3, (16,), (2,)),), "channels first: 3"),
    "csv": (paths.people, {"label": "y", "group": "person"}, (Table,), "left out: row (it numbers the rows), still"),
    "commas": (paths.commas, {}, (Table,), "numbers: decimal commas in 2 columns"),
    "series": (
        paths.long,
        {"id": "series", "time": "when", "label": "y"},
        (Grid(2, (32,), (2,), gaps=True),),
        "what is missing is masked",
    ),
    "txt": (paths.texts, {}, (Tokens,), "pieces of words, learnt from 24 texts"),
    "jsonl": (paths.records, {"label": "y"}, (Tokens,), "texts: 24, with y beside them"),
    "pictures": (paths.pictures, {}, (Grid(3, (16, 16), (2, 2)),), "labels: the 2 folders"),
    "bands": (paths.bands, {}, (Grid(5, (12, 12), (2, 2)),), "24 of 5 channels, 12x12 (as all are)"),
    "captioned": (paths.captioned, {"label": "y"}, (Grid(1, (12, 12), (2, 2)), Tokens), "captions: column 'caption'"),
    "sounds": (paths.sounds, {}, (Grid(1, (64, 64), (8, 8), gaps=True),), "the end of a shorter recording is masked"),
}


def own(dataset: Dataset) -> Any:
    assert dataset.own is not None
    return dataset.own


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, choices, inputs, told = CASES[name]
    path = make(tmp_path)
    dataset = open_data(str(path), **choices)
    held = dataset.held("train")
    assert len(held.ids) == paths.COUNT
    for one, expected, values in zip(dataset.spec.inputs, inputs, held.inputs, strict=True):
        assert isinstance(one, expected) if isinstance(expected, type) else one == expected
        assert values.shape == (paths.COUNT, *one.shape)
        assert one.gaps == bool(values.isnan().any())
        if one.channels:
            numbers = values[:, : one.channels]
            assert abs(numbers.nanmean().item()) < 1e-3
            assert numbers[~numbers.isnan()].std().item() == pytest.approx(1, abs=0.1)
    assert any(told in note for note in own(dataset).notes), own(dataset).notes
    labelled = "label" in choices or name == "pictures"
    assert dataset.spec.target == (Target("class", 2) if labelled else None)

    # The same path read by what a run keeps of the first: the same inputs, bit for bit, also where they are streamed.
    form = Form.from_dict(json.loads(json.dumps(own(dataset).form.to_dict())))
    assert form == own(dataset).form
    monkeypatch.setattr(samples, "HELD", 0)
    streamed = open_data(str(path), form=form, label=choices.get("label", "")).parts["train"]
    assert not isinstance(streamed, Batch)
    rows = torch.tensor([5, 0, 23])
    taken = pickle.loads(pickle.dumps(streamed)).take(rows)
    for one, other in zip(taken.inputs, held.take(rows).inputs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    assert taken.ids.tolist() == rows.tolist()
    assert np.array_equal(digests(streamed), digests(held))
    assert len(np.unique(digests(held))) == paths.COUNT


def test_values_labels_and_names_stay_with_their_rows(tmp_path: Path) -> None:
    values = np.arange(24 * 3 * 8, dtype=np.float64).reshape(24, 8, 3) ** 2
    np.save(tmp_path / "x.npy", values)
    np.save(tmp_path / "y.npy", np.arange(24) // 8)
    dataset = open_data(str(tmp_path / "x.npy"), label="y.npy")
    held = dataset.held("train")
    back = held.inputs[0].double() * torch.tensor(own(dataset).form.inputs[0].spread)[:, None]
    back = back + torch.tensor(own(dataset).form.inputs[0].mean)[:, None]
    np.testing.assert_allclose(back.numpy().transpose(0, 2, 1), values, rtol=1e-4, atol=1)
    assert held.target is not None
    assert held.target.tolist() == (np.arange(24) // 8).tolist()

    series = open_data(str(paths.long(tmp_path)), id="series", time="when", label="y", group="person")
    assert own(series).names == [f"s{one}" for one in range(24)]
    first = series.held("train")
    # Column b counts the rows upwards, and time runs against it.
    assert (first.inputs[0][3, 1, :13].diff() < 0).all()
    assert first.inputs[0][3, :, 13:].isnan().all()
    assert series.classes == ("no", "yes")
    assert first.groups is not None
    assert first.groups.unique().tolist() == list(range(6))

    lines = open_data(str(paths.texts(tmp_path)))
    assert own(lines).names[4:6] == ["5", "7"]  # line 6 is empty
    spoken = "".join(lines.words[one] for one in lines.held("train").inputs[0][4] if one != 0)
    assert spoken.strip() == "the film number 4 was bad"


def test_a_table_knows_categories_empty_cells_and_new_words(tmp_path: Path) -> None:
    path = paths.people(tmp_path)
    dataset = open_data(str(path), label="y", group="person")
    spec = dataset.spec.inputs[0]
    assert isinstance(spec, Table)
    assert (spec.columns, spec.categories, spec.gaps) == (2, (4,), True)
    held = dataset.held("train").inputs[0]
    assert held[3, 1].isnan()
    assert held[:3, 2].tolist() == [1, 2, 3]
    assert spec.limits is not None
    low, high = torch.tensor(spec.limits).T
    assert torch.equal(held[:, :2].nan_to_num(0).amax(0), high)
    assert (held[:, :2].nan_to_num(0) >= low).all()
    new = paths.table(tmp_path / "new.csv", ("city", "income", "age"), [("z", 1, 2), ("a", 3, "")])
    found = open_data(str(new), form=own(dataset).form).held("train").inputs[0]
    assert found[:, 2].tolist() == [0, 1]
    assert found[1, 0].isnan()
    assert open_data(str(paths.array((4,))(tmp_path)), channel_axis=0).spec.inputs == (Grid(1, (4,), (2,)),)


def test_what_is_held_out_shapes_nothing(tmp_path: Path) -> None:
    path = paths.people(tmp_path)
    dataset = open_data(str(path), label="y", group="person", holdout=0.3, seed=1)
    train, test = dataset.held("train"), dataset.held("test")
    assert train.groups is not None
    assert test.groups is not None
    assert not set(train.groups.tolist()) & set(test.groups.tolist())
    assert sorted([*train.ids.tolist(), *test.ids.tolist()]) == list(range(24))
    assert len(test.ids) == 8
    assert own(dataset).held_out == tuple(test.ids.tolist())
    assert own(dataset).groups == tuple(f"p{one}" for one in sorted(set(test.groups.tolist())))
    # Changing held-out cells changes neither scale nor words.
    lines = path.read_text(encoding="utf-8").splitlines()
    for row in test.ids.tolist():
        cells = lines[row + 1].split(",")
        lines[row + 1] = ",".join([cells[0], "1000", "-1000", "new", *cells[4:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    again = open_data(str(path), label="y", group="person", holdout=0.3, seed=1)
    assert own(again).form == own(dataset).form
    assert open_data(str(path), label="y", holdout=0.25, seed=2).held("test").ids.shape == (6,)


def test_labels_may_be_numbers_and_may_be_missing(tmp_path: Path) -> None:
    rows = [(row % 5, row % 3, row / 3, "" if row < 4 else row % 2) for row in range(24)]
    path = paths.table(tmp_path / "t.csv", ("a", "b", "price", "kind"), rows)
    priced = open_data(str(path), label="price")
    assert (priced.spec.target, priced.metric) == (Target("regression", 1), "pearson")
    some = open_data(str(path), label="kind")
    assert some.held("train").ids.tolist() == list(range(4, 24))
    assert some.classes == ("0", "1")
    every = open_data(str(path), label="kind", labelled=False)
    assert every.spec.target is None
    assert len(every.held("train").ids) == 24
    assert own(every).form.inputs[0].numbers == own(some).form.inputs[0].numbers == ("a", "b", "price")


@pytest.mark.parametrize(("delimiter", "cells", "read"), [
    (";", ("0,5", "-1,25", " 12", ""), [0.5, -1.25, 12, None]),
    ("\t", ("1.234,5", "1.234", "7,0e2", "NA"), [1234.5, 1234, 700, None]),
    (";", ("1,234", "5", "12,345", ""), ["1,234", "5", "12,345", None]),
    (";", ("1,234,567", "5,000.5", "1", ""), ["1,234,567", "5,000.5", "1", None]),
    (",", ("1,234", "0,5", "1", ""), ["1,234", "0,5", "1", None]),
    (";", ("0,5", "-", "1", ""), None),
])  # fmt: skip
def test_decimal_commas(delimiter: str, cells: tuple[str, ...], read: list[Any] | None, tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("n", "a"), *((one, "xyz"[row % 3]) for row, one in enumerate(cells))])
    notes: list[str] = []
    found = read_columns(tmp_path / "t.csv", notes)["n"][:].tolist()
    assert [None if one != one else one for one in found] == (read or [*cells[:3], None])
    told = (
        "numbers: decimal commas in 1 column" if read and read[0] != cells[0] else "words: n, whose commas may divide"
    )
    assert [note.startswith(told) for note in notes] == [True] * (read is not None)


def test_a_comma_divides_the_same_in_all_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n1,234;0,5\n2,345;1\n")
    assert read_columns(tmp_path / "t.csv", [])["a"][:].tolist() == [1.234, 2.345]
    (tmp_path / "t.csv").write_text("a;b\n1,234;0,5\n1,234,567;1\n")
    assert read_columns(tmp_path / "t.csv", [])["b"][:].tolist() == ["0,5", "1"]


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_numbers_of_the_rows_are_left_out_in_any_order(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shuffled, twice = rng.permutation(178) + 5, rng.permutation(178)
    twice[twice == 0] = 1
    ids = rng.choice(10**6, 178, replace=False)
    columns = (shuffled, np.arange(178)[::-1], twice, ids, rng.integers(0, 9, 178), rng.random(178))
    if suffix == ".npy":
        np.save(tmp_path / "t.npy", np.stack(columns, axis=1))
        path = tmp_path / "t.npy"
    else:
        path = paths.table(tmp_path / "t.csv", map(str, range(6)), zip(*columns, strict=True))
    dataset = open_data(str(path), holdout=0.2)  # what is left for training has gaps
    (form,) = own(dataset).form.inputs
    assert form.numbers == ("2", "3", "4", "5")
    assert form.ids == ("3",)
    assert "left out: 0 (it numbers the rows), 1 (it numbers the rows)" in own(dataset).notes


def test_differences_of_bytes_do_not_number_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "bytes.npy", np.random.default_rng(0).integers(0, 255, (40, 5)).astype(np.uint8))
    (form,) = own(open_data(str(tmp_path / "bytes.npy"))).form.inputs
    assert form.numbers == ("0", "1", "2", "3", "4")


def test_points_in_time_are_seconds(tmp_path: Path) -> None:
    rows = [(f"2024-05-{day:02}", f"1603-01-01T00:00:{day:02}", f"08:{day:02}", day % 3) for day in range(1, 25)]
    path = paths.table(tmp_path / "t.csv", ("day", "long_ago", "clock", "a"), rows)
    form = own(open_data(str(path))).form.inputs[0]
    assert form.numbers == ("a",)  # the others number the rows, or rise with them
    columns = read_columns(path, [])
    assert np.diff(columns["day"][:]).tolist() == [86_400] * 23
    assert np.diff(columns["long_ago"][:]).tolist() == [1] * 23
    assert columns["clock"][0] == 8 * 3600 + 60


def test_what_shows_through_a_picture_is_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8, 8, 4), np.uint8)  # what hides under the transparent half is black
    pixels[:, :, 4:] = np.array([[[255, 0, 0, 255]]])
    for row, one in enumerate(pixels):
        one[row, 4:, 1] = 200
        Image.fromarray(one).save(tmp_path / f"{row}.png")
    dataset = open_data(str(tmp_path))
    assert "transparent places of pictures are taken as white" in own(dataset).notes
    form = own(dataset).form.inputs[0]
    shift, scale = (torch.tensor(one)[:, None, None] for one in (form.mean, form.spread))
    back = dataset.held("train").inputs[0] * scale + shift
    assert back[:, :, :, :4].sub(255).abs().max() < 1e-2
    assert back[0, :, 1, 5].tolist() == pytest.approx([255, 0, 0], abs=1e-2)


@pytest.mark.parametrize(("name", "cells", "told"), [
    ("Caption", "bear {row}", "captions: column 'Caption', by its name"),
    ("said", "this is bear {row}", "captions: column 'said', since its cells hold several words each"),
    ("species", "bear {row}", ""),
])  # fmt: skip
def test_captions_are_known_by_name_or_by_their_words(name: str, cells: str, told: str, tmp_path: Path) -> None:
    folder = paths.sounds(tmp_path)
    lines = [f"{row:02}.wav,{cells.format(row=row)}" for row in range(paths.COUNT)]
    (folder / "about.csv").write_text("\n".join([f"file,{name}", *lines]) + "\n")
    dataset = open_data(str(folder))
    assert [note for note in own(dataset).notes if note.startswith("captions")] == [told] * bool(told)
    assert len(dataset.spec.inputs) == 1 + bool(told)


def test_patches_by_rule_and_by_will() -> None:
    assert choose_patch((200,), ()) == (
        (4,),
        (200,),
        "patch: 4 of 200 steps: 50 tokens (64 tokens at most; --patch sets it)",
    )
    assert choose_patch((28, 28), ())[:2] == ((4, 4), (28, 28))
    assert choose_patch((3, 100), ())[:2] == ((1, 20), (3, 100))
    assert choose_patch((30, 30), (4,))[:2] == ((4, 4), (32, 32))
    with pytest.raises(UserError, match=r"^patch: got 40x40, must be at most 30x30, the size of a sample$"):
        choose_patch((30, 30), (40,))
    with pytest.raises(UserError, match=r"^patch: got \(4, 4, 4\) for a grid of 30x30, must be one number a dimension"):
        choose_patch((30, 30), (4, 4, 4))


def test_arrays_beside_the_inputs_are_told(tmp_path: Path) -> None:
    path = str(paths.archive(tmp_path))
    told = "archive: the inputs are x; passed over: y (--label takes one)"
    assert told in own(open_data(path)).notes
    assert told not in own(open_data(path, label="y")).notes


def test_whole_numbers_are_told_as_such(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 7, (200, 2))
    np.save(tmp_path / "x.npy", values)
    dataset = open_data(str(tmp_path / "x.npy"))
    form, held = own(dataset).form.inputs[0], dataset.held("train").inputs[0]
    assert form.measured(held[:, 1], 1).tolist() == values[:, 1].tolist()
    assert form.told(held[0]) == [f"{place} {value}" for place, value in enumerate(values[0])]


@pytest.mark.parametrize(("shape", "told"), [
    ((200, 3, 64), "missing: 1 of 38,400 values is NaN, in 1 sample, and masked"),
    ((200, 3), "missing: 1 of 600 numbers is missing, in 1 column, and masked"),
])  # fmt: skip
def test_what_is_missing_is_counted(shape: tuple[int, ...], told: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).random(shape)
    values.flat[7] = np.nan
    np.save(tmp_path / "x.npy", values)
    assert sum(note.startswith(told) for note in own(open_data(str(tmp_path / "x.npy"))).notes) == 1


def test_empty_cells_of_series_are_counted_and_their_ends_are_not(tmp_path: Path) -> None:
    path = paths.long(tmp_path)
    assert not any(note.startswith("missing") for note in own(open_data(str(path), id="series", label="y")).notes)
    lines = path.read_text().splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:2], "", *lines[3].split(",")[3:]])
    path.write_text("\n".join(lines))
    notes = own(open_data(str(path), id="series", label="y", group="person")).notes
    assert any(note.startswith("missing: 1 of ") and "in 1 sample, and masked" in note for note in notes)


def test_names_of_the_catalogue_are_no_paths() -> None:
    assert open_data("digits").own is None
    with pytest.raises(UserError, match=r"^holdout: digits is in the catalogue"):
        open_data("digits", holdout=0.2)


MEMORY = """
import resource, sys, torch
from randquant.data import open_data
import randquant.pretrain
from randquant.pretrain.feed import feed
def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024
def most():
    global peak
    peak = max(peak, held())
before = peak = held()
data = open_data(sys.argv[1])
most()
batches = feed(data.parts["train"], torch.device("cpu"), seed=0, batch=32)
for _ in range(5):
    next(batches); most()
print(peak - before)
"""


def megabytes_beyond(path: Path) -> float:
    """Anonymous memory that opening an .npy and reading some batches of it takes, in MB."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def sparse(path: Path, count: int) -> Path:
    """A file of zeros that takes no room, but for one sample in a hundred."""
    array = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (count, 4, 4096))
    array[::100] = RNG.normal(size=(4, 4096))
    array.flush()
    return path


RNG = np.random.default_rng(0)


def test_an_array_larger_than_what_is_held_is_mapped(tmp_path: Path) -> None:
    path = sparse(tmp_path / "large.npy", 4200)  # 275 MB
    assert path.stat().st_size > samples.HELD
    assert megabytes_beyond(path) < 150


@pytest.mark.soak
def test_two_gigabytes_need_less_than_300_megabytes(tmp_path: Path) -> None:
    path = sparse(tmp_path / "large.npy", 32_768)
    assert path.stat().st_size > 2**31
    assert megabytes_beyond(path) < 300


def test_what_people_look_at_is_what_was_measured(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(200, 30, (40, 3, 16)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    dataset = open_data(str(tmp_path / "x.npy"))
    batch = dataset.held("train").take(torch.tensor([3, 5]))
    assert float(batch.inputs[0].abs().max()) < 6  # scaled
    assert np.allclose(dataset.measured(batch).inputs[0].numpy(), x[[3, 5]], rtol=1e-5)
    assert open_data("digits").measured(batch) is batch
