"""packed: what a data set holds, in one file, is what is read from it; the originals are not needed any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from randquant.data import Batch, Dataset, catalogue, open_data
from randquant.data.command import data
from randquant.data.packed import pack, path_of, reader_of, unpack
from randquant.errors import UserError
from randquant.settings import DataSettings
from randquant.spec import Grid, Spec, Target, Tokens


def pictures_with_words() -> Dataset:
    pixels = torch.randint(0, 256, (6, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float() / 255
    symbols = torch.arange(18).reshape(6, 3)
    spec = Spec((Grid(1, (4, 4), (2, 2)), Tokens(18, 3, padding=0)), Target("binary", 1))
    whole = Batch(torch.arange(6), (pixels, symbols), (symbols[:, 0] % 2).float(), torch.arange(6) // 2)
    parts = {"train": whole.take(slice(4)), "test": whole.take(slice(4, 6))}
    return Dataset("digits", spec, parts, ("fits",), "vision_language", batch=2, synthetic=True)


def assert_same(one: Dataset, other: Dataset) -> None:
    for name in ("name", "spec", "classes", "domain", "metric", "batch", "synthetic"):
        assert getattr(one, name) == getattr(other, name)
    assert list(one.parts) == list(other.parts)
    for part in one.parts:
        first, second = one.held(part), other.held(part)
        assert len(first.inputs) == len(second.inputs)
        pairs = [*zip(first.inputs, second.inputs, strict=True), (first.ids, second.ids)]
        for before, after in [*pairs, (first.target, second.target), (first.groups, second.groups)]:
            if before is None or after is None:
                assert before is after
                continue
            assert before.dtype == after.dtype
            assert torch.equal(before, after)


def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    for dataset in (pictures_with_words(), open_data("digits")):
        path = pack(dataset, tmp_path, "mine")
        assert_same(dataset, unpack(path, "mine"))
        assert [one.name for one in path.parent.iterdir()] == ["digits.npz"]


def test_the_catalogue_reads_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path))
    whole = open_data("digits")
    assert data(DataSettings(action="pack", names=("digits",), out=tmp_path)) == 0
    assert str(path_of("digits", tmp_path)) in capsys.readouterr().out
    entry = catalogue.DATASETS["digits"]
    monkeypatch.setattr(catalogue, "find_entry", lambda _: replace(entry, folder="elsewhere"))  # which is not here
    assert_same(whole, open_data("digits"))
    path_of("digits", tmp_path).write_bytes(b"half")
    with pytest.raises(UserError, match=r"digits.npz is broken .*; remove it, and pack it again"):
        open_data("digits")


def test_what_another_reader_has_packed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDQUANT_DATA", str(tmp_path))
    entry = catalogue.find_entry("digits")
    other = reader_of(catalogue.find_entry("watch"))
    assert reader_of(entry) != other
    pack(open_data("digits"), tmp_path, other)
    with pytest.raises(UserError, match=r"digits.npz was packed by another version of randquant; remove it, and pack"):
        open_data("digits")
    pack(pictures_with_words(), tmp_path, reader_of(entry))
    assert_same(pictures_with_words(), open_data("digits"))


def test_pack_alone_takes_a_folder() -> None:
    with pytest.raises(UserError, match="out: pack needs --out"):
        DataSettings(action="pack", names=("digits",))
    with pytest.raises(UserError, match="out: get takes no --out"):
        DataSettings(action="get", names=("digits",), out=Path("here"))
