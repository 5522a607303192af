"""What the doctor finds: one data set a finding, and none in data that are well; exit codes; files that are broken."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import paths
from randquant import cli
from randquant.data import Batch, Dataset, Items, hold_nothing, open_data
from randquant.data.present import reading
from randquant.doctor import CHECKS, Finding, command, examine
from randquant.doctor.command import admit
from randquant.errors import UserError
from randquant.settings import DoctorSettings
from randquant.spec import Grid, Spec, Table, Tokens
from samples import SPECS, batch

SPEC = Spec((Grid(3, (40,), (4,)),))


def well(count: int = 64, spec: Spec = SPEC, seed: int = 0) -> Batch:
    """Samples without a fault: waves."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, *spec.inputs[0].shape, generator=generator)
    return Batch(torch.arange(count) + 1000 * seed, (values,), torch.arange(count) % 2)


def found(train: Batch, spec: Spec = SPEC, *, batch: int = 8, **parts: Batch) -> list[Finding]:
    return examine(admit(Dataset("made up", spec, {"train": train, **parts}), bins=8, batch=batch, samples=50))


def with_values(change: Callable[[Tensor], None]) -> Batch:
    some = well()
    change(some.inputs[0])
    return some


def set_(place: tuple[int | slice, ...], value: float) -> Callable[[Tensor], None]:
    return lambda values: values.__setitem__(place, value)


EVERY = slice(None)


@pytest.mark.parametrize("kind", ["1d", "2d", "3d", "tokens", "table", "categories", "image+text"])
def test_what_is_well_is_left_in_peace(kind: str) -> None:
    spec = SPECS[kind]
    told = {(one.check, one.what) for one in found(batch(spec, 40), spec)}
    few = spec.tokens < 4
    assert {check for check, _ in told} <= ({"lengths"} if few else set()) | (
        {"duplicates"} if kind == "categories" else set()  # three codes cannot be 40 things
    )
    assert found(well(), test=well(seed=1)) == []


@pytest.mark.parametrize(
    ("change", "check", "words"),
    [
        (set_((3, 1, 2), math.nan), "values", ["1 of 64 samples of train hold NaN"]),
        (set_((3, EVERY, slice(20)), math.nan), "values", ["1 of 64 samples of train hold NaN"]),
        (set_((3, 1, 2), math.inf), "values", ["1 of 64 samples of train hold infinities"]),
        (lambda v: v[:, 1].mul_(1e6), "values", ["channel 1 has values up to", "overflow with --precision 16"]),
        (lambda v: v[:, 1].mul_(1e-7), "values", ["channel 1", "vanish with --precision 16"]),
        (lambda v: v[:, 2].mul_(5e-3).add_(3e4), "values", ["channel 2", "float32 rounds"]),
        (lambda v: v[:, 2].add_(100), "values", ["channel 2", "bf16"]),
        (lambda v: v[:, 0].mul_(1000), "values", ["channel 0 has values up to", "diverge"]),
        (set_((EVERY, 2), 4.0), "channels", ["channel 2: the same value in all samples", "pretrain refuses"]),
        (set_((EVERY, 0, slice(1)), 0.0), "", []),
        (lambda v: v[:60, 0].mul_(0), "channels", ["channel 0: without a range in more than 50%"]),
        (lambda v: v[1:, 0].mul_(0), "channels", ["channel 0: one value makes up more than 98%"]),
        (lambda v: v[:, 1, 7].add_(90), "outliers", ["channel 1: of 8 bins the fullest holds", "of 3.00 bits"]),
        (lambda v: v[7].copy_(v[3]), "duplicates", ["1 of 64 samples of train is a copy of others, such as sample 7"]),
        (lambda v: v[8].copy_(v[3]), "duplicates", ["1 with another label"]),
    ],
)  # fmt: skip
def test_one_fault_is_one_finding(change: Callable[[Tensor], None], check: str, words: list[str]) -> None:
    findings = found(with_values(change))
    assert [one.check for one in findings] == ([check] if check else [])
    for word in words:
        assert word in f"{findings[0].what} {findings[0].consequence}"
    assert all(one.option for one in findings)


def test_gaps_that_are_masked_are_no_fault_but_where_they_are_most_of_a_sample() -> None:
    spec = Spec((Grid(3, (40,), (4,), gaps=True),))
    assert found(with_values(set_((EVERY, EVERY, slice(30, 40)), math.nan)), spec) == []
    (one,) = found(with_values(set_((7, EVERY, slice(10, 40)), math.nan)), spec)
    assert (one.check, one.what) == ("values", "1 of 64 samples of train lack more than 50% of their values")


@pytest.mark.parametrize("gaps", [True, False])
def test_samples_without_a_value(gaps: bool) -> None:
    (one,) = found(with_values(set_((7,), math.nan)), Spec((Grid(3, (40,), (4,), gaps=gaps),)))
    assert (one.check, one.what) == ("values", "1 of 64 samples of train hold no value at all, such as sample 7")


def test_a_sample_of_several_inputs_holds_nothing_where_none_does() -> None:
    spec = Spec((Table(2, (3,), gaps=True), Tokens(9, 3, padding=0)))
    numbers = torch.tensor([[math.nan, math.nan, 0], [math.nan, 0, 0], [math.nan, math.nan, 1], [math.nan] * 2 + [0]])
    symbols = torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 4, 0]])
    assert hold_nothing(spec, (numbers, symbols)).tolist() == [True, False, False, False]


def test_what_stands_on_both_sides() -> None:
    train, test = well(), well(seed=1)
    test.inputs[0][5] = train.inputs[0][9]
    (one,) = found(train, test=test)
    assert (one.check, one.what) == ("leakage", "1 of 64 samples of test stand in train too, such as sample 1005")
    halves = torch.arange(64) // 2
    (one,) = found(well()._replace(groups=halves), test=well(seed=1)._replace(groups=halves + 31))
    assert (one.check, one.what) == ("leakage", "1 group of test stands in train too, such as 31")
    assert found(well()._replace(groups=halves), test=well(seed=1)._replace(groups=halves + 32)) == []


def test_samples_of_a_path_are_called_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("".join(f"line number {row}\n" for row in [*range(40), 7]))
    findings = examine(admit(open_data(str(tmp_path / "lines.txt")), bins=8, batch=8, samples=50))
    (one,) = [one for one in findings if one.check == "duplicates"]
    assert one.what.endswith("is a copy of others, such as sample 41 of sample 8")  # lines count from 1


def test_columns_that_may_be_ids(tmp_path: Path) -> None:
    ids = [389 * row % 1009 for row in range(64)]
    rows = [(one, row % 7, math.sin(row), math.cos(row), math.sin(3 * row)) for row, one in enumerate(ids)]
    path = paths.table(tmp_path / "t.csv", ("number", "a", "b", "c", "d"), rows)
    found = examine(admit(open_data(str(path)), bins=8, batch=8, samples=50))
    assert [(one.check, one.what) for one in found] == [("ids", "number: whole numbers, in each row another")]
    assert examine(admit(open_data(str(path), id="number"), bins=8, batch=8, samples=50)) == []


def test_lengths_and_batches() -> None:
    long = Spec((Grid(1, (4096,), (2,)),))
    (one,) = found(well(9, long), long, batch=2)
    assert (one.check, one.option) == ("lengths", "give a larger patch")
    short = Spec((Grid(1, (40,), (20,)),))
    (one,) = found(well(64, short), short)
    assert "2 tokens at a patch of 20" in one.what
    (one,) = found(well(), batch=65)
    assert (one.check, one.option) == ("batches", "give --batch 16, or more data")
    (one,) = found(well(), batch=32)
    assert "2 batches of 32" in one.what
    (one,) = found(well(3), batch=2)
    assert (one.what, one.option) == ("3 training samples are 1 batch of 2", "give more data")
    text = Spec((Tokens(50, 40, padding=0),))
    symbols = torch.randint(1, 50, (64, 40))
    (one,) = found(Batch(torch.arange(64), (symbols,)), text)
    assert "100% of the sequences fill all 40 symbols" in one.what
    symbols[:, 8:] = 0
    (one,) = found(Batch(torch.arange(64), (symbols,)), text)
    assert "80% of the symbols are padding" in one.what


@pytest.mark.parametrize("length", [0, 3])
def test_texts_are_cut_where_one_is_longer(length: int, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"{row % 9} {row // 9} {row % 4} {row % 7}\n" for row in range(40)))
    dataset = open_data(str(tmp_path / "a.txt"), length=length)
    told = [one.what for one in examine(admit(dataset, bins=8, batch=8, samples=50))]
    assert sum("100% of the sequences fill all" in one for one in told) == (length > 0)


def test_what_is_scaled_already_is_not_to_be_standardised(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(400, 3, 40))
    values[5, 1, 7] = 1e7
    np.save(tmp_path / "x.npy", values)
    found = examine(admit(open_data(str(tmp_path / "x.npy")), bins=8, batch=8, samples=50))
    (option,) = [one.option for one in found if "values up to" in one.what]
    assert option.startswith("clip the values that are far")


def test_a_column_of_a_table_with_outliers() -> None:
    values = torch.rand(400, 2)
    values[0, 1] = 1e4
    spec = Spec((Table(2, limits=((0, 1), (0, 1e4))),))
    told = {one.check: one.what for one in found(Batch(torch.arange(400), (values,)), spec) if one.check != "values"}
    assert list(told) == ["outliers", "lengths"]  # of two columns
    assert told["outliers"].startswith("channel 1")


class Broken:
    """Reads what is there, and fails at every third sample."""

    def __call__(self, row: int) -> tuple[Tensor, ...]:
        if row % 3 == 0:
            raise UserError(f"data: file{row}.png cannot be read")
        return (torch.randn(3, 40, generator=torch.Generator().manual_seed(row)),)


def test_files_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = Dataset("files", SPEC, {"train": Items(torch.arange(30), Broken())}, batch=4)
    monkeypatch.setattr(command, "open_data", lambda name, **_: broken)
    assert cli.main(["doctor", "files"]) == 2
    out, told = capfd.readouterr()
    header, row = out.splitlines()
    assert header.split("\t") == ["check", "what", "consequence", "option"]
    assert row.startswith("unreadable\t10 of 30 samples of train cannot be read: data: file0.png cannot be read (")
    assert "and 7 more" in row
    assert told == "1 finding in 20 of 30 samples of train\n"
    none = replace(broken, parts={"train": Items(torch.tensor([0]), Broken())})
    monkeypatch.setattr(command, "open_data", lambda name, **_: none)
    assert cli.main(["doctor", "files"]) == 2
    assert "no sample of train can be read; the first: data: file0.png" in capfd.readouterr().err


def test_a_broken_file_of_the_catalogue_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def undecoded(row: int) -> tuple[Tensor, ...]:
        if row == 7:
            raise ValueError("no such pixels")  # as a decoder would
        return (torch.randn(3, 40, generator=torch.Generator().manual_seed(row)),)

    broken = Dataset("files", SPEC, {"train": Items(torch.arange(40), undecoded)}, batch=4)
    monkeypatch.setattr(command, "open_data", lambda name, **_: broken)
    assert cli.main(["doctor", "files"]) == 2
    out, told = capfd.readouterr()
    assert "unreadable\t1 of 40 samples of train cannot be read: data: the sample with id 7 cannot be read" in out
    assert told == "1 finding in 39 of 40 samples of train\n"

    def unopened(name: str, **_: object) -> Dataset:
        with reading(Path("index.csv")):
            raise ValueError("no such column")
        raise AssertionError

    monkeypatch.setattr(command, "open_data", unopened)
    assert cli.main(["doctor", "files"]) == 2
    out, told = capfd.readouterr()
    assert (
        "unreadable\tat least 1 file cannot be read: data: index.csv cannot be read (ValueError: no such column)" in out
    )
    assert told == "1 finding in what was read\n"


@pytest.mark.parametrize(("suffix", "words", "told"), [
    (".npy", [], "sample 7 holds infinite values; here"),
    (".csv", [], "column 'b' holds infinite values, first in row 22; here"),
    (".csv", ["--id", "s"], "column 'b' holds infinite values, first in row 22; here"),
])  # fmt: skip
def test_infinities_are_a_finding_beside_others(
    suffix: str, words: list[str], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"x{suffix}"
    values = np.random.default_rng(0).normal(size=(300, 2))
    values[22, 1], values[:, 0] = np.inf, 5  # in the rows of the eighth series
    if suffix == ".npy":
        np.save(path, values.reshape(100, 3, 2).transpose(0, 2, 1))
    else:
        paths.table(path, ("a", "b", "s"), [(*one, f"s{row // 3}") for row, one in enumerate(values.tolist())])
    assert cli.main(["doctor", str(path), *words, "--batch", "8"]) == 1
    rows = capfd.readouterr().out.splitlines()[1:]
    assert rows[0].startswith(f"values\t{told}")
    assert len(rows) > 1


def test_exit_codes(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    clean = Dataset("well", SPEC, {"train": well(), "test": well(seed=1)}, batch=8)
    monkeypatch.setattr(command, "open_data", lambda name, **_: clean)
    assert cli.main(["doctor", "well"]) == 0
    assert capfd.readouterr() == ("", "no findings in 64 of 64 samples of train, 64 of 64 samples of test\n")
    assert cli.main(["doctor", "well", "--batch", "32", "--quiet"]) == 1
    out, told = capfd.readouterr()
    assert (out.count("\n"), told) == (2, "")
    assert cli.main(["doctor", "well", "--bins", "1"]) == 2
    assert "bins: got 1" in capfd.readouterr().err


def test_the_list_of_checks_is_whole() -> None:
    assert len(set(CHECKS)) == 10
    assert DoctorSettings(data="x").bins == 8
