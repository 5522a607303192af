"""Folders of photographs: layouts, every kind of picture, what is broken, crops where they are read as elsewhere."""

from __future__ import annotations

import io
import logging
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.transforms.v2 import functional as V

from folders import draw, textures
from randquant.data.boxes import draw_boxes
from randquant.data.imagenet import KIT, NUMBERS, TABLE
from randquant.data.photographs import Photographs, open_photographs, read_colours
from randquant.data.reading import Cut
from randquant.errors import UserError
from randquant.methods import PARTNERS
from randquant.pretrain.feed import feed
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings


def test_imagenets_layout(tmp_path: Path) -> None:
    data = open_photographs(textures(tmp_path, 3, 2), side=28)
    assert data.classes == ("across", "checks", "down", "rings")
    assert data.spec.inputs[0].shape == (3, 28, 28)
    assert data.spec.target is not None
    assert data.spec.target.size == 4
    train, test = data.parts["train"], data.parts["test"]
    assert (train.ids.tolist(), test.ids.tolist()) == (list(range(12)), list(range(12, 20)))
    assert train.target is not None
    assert train.target.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    batch = test.take(torch.tensor([7, 0]))
    assert batch.ids.tolist() == [19, 12]
    assert batch.target is not None
    assert batch.target.tolist() == [3, 0]


@pytest.mark.parametrize(("width", "height"), [(40, 36), (36, 40), (90, 31), (28, 28)])
def test_the_middle_is_torchvisions(width: int, height: int, tmp_path: Path) -> None:
    image = draw(0, "across", width, height)
    image.save(tmp_path / "one.png")
    data = open_photographs(tmp_path, side=28)
    assert data.spec.target is None
    (found,) = data.parts["train"].take(torch.tensor([0])).inputs
    expected = V.pil_to_tensor(V.center_crop(V.resize(image, [32]), [28]))
    torch.testing.assert_close(found[0], expected.float() / 255)


def test_crops_where_they_are_read_are_those_on_the_device(tmp_path: Path) -> None:
    data = open_photographs(textures(tmp_path, 4, 0), side=36)
    samples = data.parts["train"]
    assert isinstance(samples, Photographs)
    rows = torch.tensor([5, 0, 9])
    draws = Draws(3, 2, samples.ids[rows])
    (cut,) = samples.cut(rows, draws, 2, 0.3).inputs
    assert cut.shape == (3, 2, 3, 36, 36)
    for place, row in enumerate(rows.tolist()):
        image = read_colours(samples.files[row])
        for view in range(2):
            box = draw_boxes(draws, "rrc/0", view, image.height, image.width, 0.3)[place].tolist()
            expected = V.pil_to_tensor(V.resized_crop(image, *box, size=[36, 36]))
            torch.testing.assert_close(cut[place, view], expected.float() / 255)
    # Square pictures of the wanted side are cut alike on the device, but for the rounding to 256 levels.
    draw(1, "across", 36, 36).save(tmp_path / "train" / "across" / "000.png")
    (whole,) = samples.take(torch.tensor([0])).inputs
    own = Draws(3, 2, samples.ids[:1])
    (cut,) = samples.cut(torch.tensor([0]), own, 1, 0.3).inputs
    square = torch.nn.functional.pad(V.pil_to_tensor(read_colours(samples.files[0]))[None].float() / 255, [0] * 4)
    (on_device,) = PARTNERS["rrc"](data.spec, MethodSettings(crop_area=0.3)).change((square,), own, 0)
    assert whole.shape == on_device.shape
    assert (cut[:, 0] - on_device).abs().max() < 2 / 255


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_fed_is_a_function_of_seed_epoch_and_sample(workers: int, tmp_path: Path) -> None:
    samples = open_photographs(textures(tmp_path, 2, 0), side=16).parts["train"]
    batches = feed(samples, torch.device("cpu"), seed=1, batch=4, workers=workers, cut=Cut(2, 0.2))
    fed = [next(batches) for _ in range(3)]
    batches.close()
    for batch, draws in fed:
        assert batch.inputs[0].shape == (4, 2, 3, 16, 16)
        again = samples.cut(batch.ids, draws, 2, 0.2)  # the ids are the rows here
        assert torch.equal(again.inputs[0], batch.inputs[0])
    assert not torch.equal(fed[0][0].ids.sort().values, fed[1][0].ids.sort().values)


def kinds(folder: Path) -> dict[str, Image.Image]:
    colours = draw(2)
    gray = np.asarray(colours.convert("L"))
    palette = colours.quantize(16)
    palette.info["transparency"] = bytes(range(16))
    return {
        "cmyk.jpg": colours.convert("CMYK"),
        "palette.png": palette,
        "gray.png": Image.fromarray(gray),
        "two.png": colours.convert("LA"),
        "deep.png": Image.fromarray(gray.astype(np.uint16) * 257),
        "shares.tif": Image.fromarray((gray / 255).astype(np.float32)),
        "bits.png": colours.convert("1"),
        "clear.png": colours.convert("RGBA"),
    }


def test_every_kind_of_picture(tmp_path: Path) -> None:
    for name, image in kinds(tmp_path).items():
        image.save(tmp_path / name)
        found = read_colours(tmp_path / name)
        assert (found.mode, found.size) == ("RGB", (40, 36))
    gray = np.asarray(read_colours(tmp_path / "gray.png"))
    for name in ("deep.png", "shares.tif"):
        assert np.array_equal(np.asarray(read_colours(tmp_path / name)), gray)


def break_one(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_a_broken_picture_is_skipped_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    textures(tmp_path, 3, 0)
    break_one(tmp_path / "train" / "across" / "002.png")
    samples = open_photographs(tmp_path, side=16).parts["train"]
    with caplog.at_level(logging.WARNING):
        batch = samples.take(torch.tensor([2, 3, 2]))
    assert torch.equal(batch.inputs[0][0], batch.inputs[0][1])
    assert batch.target is not None
    assert batch.target.tolist() == [1, 1, 1]  # the next picture's
    assert len(caplog.records) == 1
    assert "skipped, 1 of at most 1" in caplog.text
    assert "across/002.png cannot be decoded" in caplog.text


def huge(path: Path) -> None:
    """A header that promises 100 megapixels."""
    Image.new("1", (10_000, 10_000)).save(path)


@pytest.mark.parametrize("make", [break_one, lambda path: path.write_bytes(b""), lambda path: path.write_text("no")])
def test_too_many_broken_pictures_are_an_error_with_names(make: Any, tmp_path: Path) -> None:
    textures(tmp_path, 3, 0)
    for name in ("000.png", "002.png"):
        make(tmp_path / "train" / "down" / name)
    samples = open_photographs(tmp_path, side=16).parts["train"]
    with pytest.raises(UserError, match=r"2 of 12 pictures cannot be decoded.*down/000.png.*down/002.png") as caught:
        samples.take(torch.arange(12))
    assert "\n" not in str(caught.value)
    assert open_photographs(tmp_path, side=16, skipped=0.2).parts["train"].take(torch.arange(12)).ids.tolist() == [
        *range(12)
    ]


def test_the_error_of_a_worker_names_the_file(tmp_path: Path) -> None:
    textures(tmp_path, 1, 0)
    for name in ("across", "down"):
        break_one(tmp_path / "train" / name / "000.png")
    samples = open_photographs(tmp_path, side=16).parts["train"]
    batches = feed(samples, torch.device("cpu"), seed=0, batch=4, workers=1, cut=Cut(2, 0.2))
    with pytest.raises(UserError, match=r"^data: 2 of 4 pictures .*(across|down)/000.png cannot be decoded") as caught:
        next(batches)
    assert "\n" not in str(caught.value)


def test_a_huge_picture_is_refused_by_name(tmp_path: Path) -> None:
    huge(tmp_path / "huge.png")
    with pytest.raises(UserError, match=r"huge.png cannot be decoded \(DecompressionBombWarning"):
        read_colours(tmp_path / "huge.png")


def test_loops_of_links_and_other_files_are_passed_over(tmp_path: Path) -> None:
    textures(tmp_path, 2, 1)
    train = tmp_path / "train"
    (train / "across" / "again").symlink_to(train)
    (train / "across" / "up").symlink_to(tmp_path)  # above train: the test part's pictures must not be trained on
    (train / "top").symlink_to(tmp_path)
    (train / "self").symlink_to(train)
    (train / "across" / "other").symlink_to(train / "down")  # no loop: its pictures count
    (train / "down" / "broken.png").symlink_to(train / "nowhere.png")
    (train / "down" / "notes.txt").write_text("no picture")
    (train / "down" / ".hidden.png").write_text("no picture")
    (train / "empty").mkdir()
    data = open_photographs(tmp_path, side=16)
    assert data.classes == ("across", "checks", "down", "rings")
    target = data.parts["train"].target
    assert target is not None
    assert target.bincount().tolist() == [4, 2, 2, 2]


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        open_photographs(tmp_path / "nowhere")
    with pytest.raises(UserError, match="holds no pictures"):
        open_photographs(tmp_path)
    textures(tmp_path, 1, 1)
    (tmp_path / "val" / "across").rename(tmp_path / "val" / "along")
    with pytest.raises(UserError, match="must hold no other classes"):
        open_photographs(tmp_path)
    (tmp_path / "val" / "along" / "000.png").rename(tmp_path / "val" / "000.png")  # as ImageNet's archive of them is
    with pytest.raises(UserError, match=r"val says no classes; sort all its pictures into folders as in .*train"):
        open_photographs(tmp_path)
    textures(tmp_path / "other", 1, 1)
    (tmp_path / "other" / "train" / "across" / "000.png").rename(tmp_path / "other" / "train" / "astray.png")
    with pytest.raises(UserError, match=r"train says no classes; sort all its pictures into folders as in .*val"):
        open_photographs(tmp_path / "other")


def flat(folder: Path) -> dict[str, str]:
    """Pictures as ImageNet has them, its validation part in one folder; their classes by name."""
    textures(folder, 2, 2)
    told, names = {}, (f"ILSVRC2012_val_{number:08d}" for number in (5, 2, 7, 1, 6, 3, 4, 8))
    for picture, name in zip(sorted((folder / "val").glob("*/*.png")), names, strict=True):
        told[name] = picture.parent.name
        picture.rename(folder / "val" / f"{name}.png")
    for empty in (folder / "val").glob("*/"):
        empty.rmdir()
    return dict(sorted(told.items()))


def test_imagenets_own_layout_by_its_kit(tmp_path: Path) -> None:
    told = flat(tmp_path)
    kit = tmp_path / KIT
    kit.mkdir(parents=True)
    words = ["rings", "across", "down", "checks", "texture"]  # the last one is the others' union
    rows = [(number, word, f"a {word}") for number, word in enumerate(words, start=1)]
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object)]
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=kinds).reshape(-1, 1)})
    (kit / NUMBERS).write_text("".join(f"{1 + words.index(word)}\n" for word in told.values()))
    found = open_photographs(tmp_path, side=16)
    assert found.classes == ("across", "checks", "down", "rings")
    target = found.parts["test"].target
    assert target is not None
    assert [found.classes[number] for number in target.tolist()] == list(told.values())
    (kit / NUMBERS).write_text("9\n")
    with pytest.raises(UserError, match=f"{NUMBERS} cannot be read"):
        open_photographs(tmp_path, side=16)


def test_imagenets_layout_of_kaggle(tmp_path: Path) -> None:
    told = flat(tmp_path / "ILSVRC" / "Data" / "CLS-LOC")
    lines = [f"{name},{word} 1 2 3 4 {word} 5 6 7 8" for name, word in told.items()]
    (tmp_path / TABLE).write_text("\n".join(["ImageId,PredictionString", *lines[::-1]]) + "\n")
    found = open_photographs(tmp_path / "ILSVRC" / "Data" / "CLS-LOC", side=16)
    target = found.parts["test"].target
    assert target is not None
    assert [found.classes[number] for number in target.tolist()] == list(told.values())
    (tmp_path / TABLE).write_text("\n".join(["ImageId,PredictionString", *lines[1:]]) + "\n")
    with pytest.raises(UserError, match="holds ILSVRC2012_val_00000001, which ImageNet's list does not name"):
        open_photographs(tmp_path / "ILSVRC" / "Data" / "CLS-LOC", side=16)


def pack(folder: Path, into: Path, *, labelled: bool = True) -> None:
    """The pictures of class folders in two tar files, webdataset's way."""
    into.mkdir(parents=True)
    classes = sorted(one.name for one in folder.iterdir())
    for number in range(2):
        with tarfile.open(into / f"{number:04}.tar", "w") as tar:
            for path in sorted(folder.rglob("*.png"))[number::2]:
                key = f"{path.parent.name}-{path.stem}"
                tar.add(path, f"{key}.png")
                if labelled:
                    label = str(classes.index(path.parent.name)).encode()
                    member = tarfile.TarInfo(f"{key}.cls")
                    member.size = len(label)
                    tar.addfile(member, io.BytesIO(label))


def test_pictures_in_tar_files_are_those_in_folders(tmp_path: Path) -> None:
    folders = textures(tmp_path / "folders", 3, 2)
    for part in ("train", "val"):
        pack(folders / part, tmp_path / "tars" / part)
    plain, packed = (open_photographs(tmp_path / name, side=16) for name in ("folders", "tars"))
    assert packed.classes == ("0", "1", "2", "3")
    for part in ("train", "test"):
        one, other = (data.parts[part] for data in (plain, packed))
        names = [Path(packed.parts[part].files[row]).stem.split("-") for row in range(len(other.ids))]
        rows = [
            next(
                row
                for row in range(len(one.ids))
                if (Path(one.files[row]).parent.name, Path(one.files[row]).stem) == (name, number)
            )
            for name, number in names
        ]
        first, second = one.take(torch.tensor(rows)), other.take(torch.arange(len(rows)))
        assert torch.equal(first.inputs[0], second.inputs[0])
        assert first.target is not None
        assert second.target is not None
        assert torch.equal(first.target, second.target)
    draws = Draws(0, 0, torch.arange(2))
    assert packed.parts["train"].cut(torch.tensor([4, 1]), draws, 2, 0.2).inputs[0].shape == (2, 2, 3, 16, 16)


def test_tar_files_that_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folders = textures(tmp_path / "folders", 2, 0) / "train"
    pack(folders, tmp_path / "plain", labelled=False)
    assert open_photographs(tmp_path / "plain", side=16).spec.target is None
    break_one(folders / "down" / "000.png")
    pack(folders, tmp_path / "broken")
    samples = open_photographs(tmp_path / "broken", side=16).parts["train"]
    samples.take(torch.arange(8))
    assert "0000.tar/down-000.png cannot be decoded" in caplog.text
    (tmp_path / "broken" / "0000.tar").unlink()
    with pytest.raises(UserError, match=r"0000.tar/.* cannot be read \(No such file"):
        samples.files.content(0)  # type: ignore[union-attr]
    member = tarfile.TarInfo("a.cls")
    member.size = 3
    (tmp_path / "word").mkdir()
    with tarfile.open(tmp_path / "word" / "0.tar", "w") as tar:
        tar.addfile(member, io.BytesIO(b"cat"))
        tar.add(folders / "down" / "001.png", "a.png")
    with pytest.raises(UserError, match=r"^data: \S*0.tar/a.cls holds b'cat', must be the number of a class"):
        open_photographs(tmp_path / "word")
    for name, content in (("empty", None), ("no", b"no tar file at all")):
        (tmp_path / name).mkdir()
        with tarfile.open(tmp_path / name / "0.tar", "w"):
            pass
        if content:
            (tmp_path / name / "0.tar").write_bytes(content)
        with pytest.raises(UserError, match="is no uncompressed tar" if content else "hold no pictures"):
            open_photographs(tmp_path / name)
