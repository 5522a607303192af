"""Bad folders of photographs, through pretrain, supervise and recipe run alike: skipped by name, or one line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from folders import draw, textures
from randquant import cli
from randquant.errors import UserError
from randquant.probe.unseen import split_path
from randquant.recipes.size import SIZES
from randquant.run import Run
from randquant.settings import ReadingSettings

BACKBONE = "--backbone timm/test_resnet --length 32 --method rrc+rq --steps 2 --batch 8 --workers 0"
COMMANDS: dict[str, str] = {
    "pretrain": f"pretrain {{data}} {BACKBONE}",
    "supervise": "supervise {data} --backbone timm/test_resnet --side 32 --epochs 1 --batch 8 --workers 0",
    "recipe": "recipe run supervised-rq --data {data} --scale tiny",
}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "tiny", replace(SIZES["tiny"], labelled=1))


def run(name: str, data: Path, out: Path) -> int:
    return cli.main([*COMMANDS[name].format(data=data).split(), "--out", str(out), "--device", "cpu", "--quiet"])


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60:120] = b"\0" * 60
    path.write_bytes(content)


def huge(path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(path)


def words(path: Path) -> None:
    path.write_text("no picture")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("spoil", [truncated, corrupt, huge, words])
def test_a_picture_that_cannot_be_used_is_named_and_skipped(
    name: str, spoil: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = textures(tmp_path / "data", 8, 2)
    bad = data / "train" / "down" / "003.png"
    spoil(bad)
    with caplog.at_level(logging.WARNING):
        assert run(name, data, tmp_path / "out") == 0
    told = [one.getMessage() for one in caplog.records if "skipped" in one.getMessage()]
    assert told
    assert all("1 of at most 1" in one and str(bad) in one for one in told)


@pytest.mark.parametrize("name", COMMANDS)
def test_more_than_the_stated_share_is_an_error_with_names(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = textures(tmp_path / "data", 8, 2)
    for number in range(8):
        words(data / "train" / "down" / f"{number:03}.png")
    assert run(name, data, tmp_path / "out") == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("randquant: error: data: 2 of 32 pictures cannot be decoded, more than 1")
    assert "down/00" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_pictures_of_every_kind_train(name: str, tmp_path: Path) -> None:
    data = textures(tmp_path / "data", 8, 2)
    folder = data / "train" / "across"
    colours = draw(2)
    gray = colours.convert("L")
    for place, image in enumerate((colours.quantize(16), gray, gray.convert("I;16"), colours.convert("LA"))):
        image.save(folder / f"kind{place}.png")
    colours.convert("CMYK").save(folder / "cmyk.jpg")
    (folder / "loop").symlink_to(data / "train")
    (folder / "notes.txt").write_text("no picture")
    assert run(name, data, tmp_path / "out") == 0


@pytest.mark.parametrize("name", ["supervise", "recipe"])
def test_one_class_is_refused(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = textures(tmp_path / "data", 8, 2)
    for part in ("train", "val"):
        for kind in ("checks", "down", "rings"):
            for file in (data / part / kind).iterdir():
                file.unlink()
    assert run(name, data, tmp_path / "out") == 2
    assert "has 1 class, needs 2 at least" in capfd.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_of_none(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    (data / "train" / "empty").mkdir(parents=True)
    assert run(name, data, tmp_path / "out") == 2
    said = capfd.readouterr().err
    assert said.startswith("randquant: error: data: ")
    assert "holds no pictures" in said
    assert said.count("\n") == 1


def test_a_pretraining_reads_photographs_as_the_recipes_do(tmp_path: Path) -> None:
    """Also where pictures lie in one folder; and its run reads them again."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for number in range(24):
        draw(number, ("across", "down")[number % 2], 40 + number, 36).save(flat / f"{number}.jpg")
    command = f"pretrain {flat} {BACKBONE} --out {tmp_path / 'run'} --device cpu --quiet"
    assert cli.main(command.split()) == 0
    assert Run.open(tmp_path / "run").encoder().spec.inputs[0].shape == (3, 32, 32)
    out = tmp_path / "features.npy"
    assert cli.main(f"embed {tmp_path / 'run'} {flat} -o {out} --quiet".split()) == 0
    labelled = textures(tmp_path / "labelled", 8, 4)
    given = Run.open(tmp_path / "run")
    (split,) = split_path(given, str(labelled), ReadingSettings(), seed=0).datasets
    assert [len(split.parts[part].ids) for part in ("train", "test")] == [32, 16]
    folds = split_path(given, str(labelled / "train"), ReadingSettings(), seed=0)  # no part of its own is for testing
    assert [len(one.parts["test"].ids) for one in folds.datasets] == [7, 7, 6, 6, 6]
    assert "the encoder has seen none of them" in folds.note
    with pytest.raises(UserError, match=r"label: got kind, but .* is read as photographs"):
        split_path(given, str(labelled), ReadingSettings(label="kind"), seed=0)
