"""data: what the benchmark's pictures are, beyond the contract of every data set."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from layouts import images, medical
from randquant.data import Dataset
from randquant.data.dabs import (
    aircraft,
    chestxray8,
    chexpert,
    cu_birds,
    dtd,
    imagenet,
    picture,
    traffic_sign,
    vgg_flower,
)
from randquant.data.items import Items
from randquant.errors import UserError

ENTRIES = {
    entry.name: entry
    for module in (imagenet, cu_birds, vgg_flower, dtd, traffic_sign, aircraft, chexpert, chestxray8)
    for entry in module.ENTRIES
}
LAYOUTS = {**images.LAYOUTS, **medical.LAYOUTS}


def opened(name: str, root: Path, faithful: bool = False) -> Dataset:
    entry = ENTRIES[name]
    assert entry.read is not None
    return entry.read(entry, root, faithful)


def ids(dataset: Dataset, part: str) -> list[int]:
    return dataset.parts[part].ids.tolist()


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are listed from Z to A, as some file systems might."""
    listed, matched = Path.iterdir, Path.glob

    def glob(folder: Path, pattern: str) -> list[Path]:
        return sorted(matched(folder, pattern), reverse=True)

    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(sorted(listed(folder), reverse=True)))
    monkeypatch.setattr(Path, "glob", glob)


def files(dataset: Dataset, part: str) -> dict[int, Path]:
    """The file of each id."""
    samples = dataset.parts[part]
    assert isinstance(samples, Items)
    assert isinstance(samples.read, picture.Pictures)
    return {number: samples.read.paths[row] for row, number in enumerate(samples.ids.tolist())}


def shared_groups(dataset: Dataset) -> set[int]:
    train, test = (dataset.parts[part].groups for part in ("train", "test"))
    assert train is not None
    assert test is not None
    return set(train.tolist()) & set(test.tolist())


class Mersenne:
    """The benchmark's RandomState(42), written from the definition of MT19937 over Python's own generator."""

    def __init__(self) -> None:
        words = [42]
        for number in range(1, 624):
            words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + number) % 2**32)
        self._generator = random.Random()
        self._generator.setstate((3, (*words, 624), None))

    def shuffled(self, count: int) -> list[int]:
        """Fisher and Yates from the end; each place by the lowest bits that can hold it, until they do."""
        places = list(range(count))
        for last in range(count - 1, 0, -1):
            bits = 2 ** last.bit_length() - 1
            while (other := self._generator.getrandbits(32) & bits) > last:
                pass
            places[last], places[other] = places[other], places[last]
        return places


def test_flowers_are_drawn_kind_after_kind_by_one_generator(tmp_path: Path) -> None:
    labels = [9, 4, 9, 9, 4, 102, 4, 9, 9, 4, 4, 9, 4, 102, 102]
    (tmp_path / "vgg_flower" / "jpg").mkdir(parents=True)
    savemat(tmp_path / "vgg_flower" / "imagelabels.mat", {"labels": np.array([labels], dtype=np.uint8)})
    generator, test = Mersenne(), []
    for label, training in ((9, 4), (4, 4), (102, 2)):  # in the order in which they appear; four fifths of 6, 6 and 3
        own = [number for number, one in enumerate(labels) if one == label]
        test += [own[place] for place in generator.shuffled(len(own))[training:]]
    for faithful in (False, True):
        assert ids(opened("vgg_flower", tmp_path, faithful), "test") == sorted(test)


@pytest.mark.usefixtures("backwards")
def test_frames_of_a_track_leak_in_the_benchmark_only(tmp_path: Path) -> None:
    folder = tmp_path / "traffic_sign" / "GTSRB" / "Final_Training" / "Images"
    tracks, frames = 7, 10
    for kind in range(43):
        (folder / f"{kind:05d}").mkdir(parents=True)
        for track in range(tracks):
            for frame in range(frames):
                (folder / f"{kind:05d}" / f"{track:05d}_{frame:05d}.ppm").touch()  # not opened here
    correct, faithful = (opened("traffic_sign", tmp_path, mode) for mode in (False, True))
    assert not shared_groups(correct)
    assert len(shared_groups(faithful)) > 43 * tracks // 2
    train = correct.parts["train"]
    assert train.target is not None
    assert train.groups is not None
    assert train.target.bincount().tolist() == [5 * frames] * 43  # int(0.8 * 7) tracks
    assert len({tuple(one) for one in (train.groups % 100_000).unflatten(0, (43, -1)).tolist()}) > 1
    generator, test = Mersenne(), []
    for kind in range(43):
        drawn = generator.shuffled(tracks * frames)[56:]  # int(0.8 * 70)
        test += sorted(kind * tracks * frames + place for place in drawn)
    assert ids(faithful, "test") == test
    for dataset in (correct, faithful):
        for number, file in (files(dataset, "train") | files(dataset, "test")).items():
            kind, place = divmod(number, tracks * frames)
            assert file == folder / f"{kind:05d}" / f"{place // frames:05d}_{place % frames:05d}.ppm"


@pytest.mark.parametrize("table", ["Data_Entry_2017.csv", "metadata.csv"])
def test_patients_leak_in_the_benchmark_only(table: str, tmp_path: Path) -> None:
    folder = tmp_path / "chestxray8"
    rows = [(f"{patient:08d}_{visit:03d}.png", "Mass", patient) for visit in range(3) for patient in range(1, 501)]
    medical.chest_table(folder / table, rows)
    (folder / "images").mkdir()
    correct, faithful = (opened("chestxray8", tmp_path, mode) for mode in (False, True))
    assert not shared_groups(correct)
    assert [len(ids(correct, part)) for part in ("train", "test")] == [1350, 150]
    assert ids(correct, "test") != list(range(1350, 1500))
    assert len(shared_groups(faithful)) > 100
    assert ids(faithful, "test") == sorted(Mersenne().shuffled(1500)[1350:])


def test_a_box_is_cut_from_its_first_pixel_to_its_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.aircraft(tmp_path, monkeypatch)
    folder = tmp_path / "aircraft" / "fgvc-aircraft-2013b" / "data"
    (folder / "images_box.txt").write_text("".join(f"{number:07d} 3 2 6 5\n" for number in range(1, 6)))
    colours = np.zeros((9, 9, 3), dtype=np.uint8)
    colours[..., 0] = 255  # red around the box
    colours[1:5, 2:6] = 255  # white in it: rows 2 to 5 and columns 3 to 6, counted from 1
    colours[1, 2:6] = (0, 0, 255)  # blue in its first row
    file = folder / "images" / "0000002.jpg"
    file.unlink()
    Image.fromarray(colours).save(file, format="PNG")  # without loss; Pillow goes by content
    for faithful, top in ((False, [0, 0, 255]), (True, [255, 255, 255])):
        (pixels,) = opened("aircraft", tmp_path, faithful).parts["train"].take(torch.tensor([0])).inputs
        assert (pixels[0, :, 0, 0] * 255).tolist() == top
        assert bool((pixels[0, :, -1] == 1).all())
        assert bool((pixels[0, 2] == 1).all()), "something red was left around the box"


def test_aircraft_have_100_variants_and_102_outputs_in_the_benchmark(tmp_path: Path) -> None:
    folder = tmp_path / "aircraft" / "fgvc-aircraft-2013b" / "data"
    (folder / "images").mkdir(parents=True)
    for part, first in (("trainval", 0), ("test", 100)):
        lines = [f"{first + number:07d} Variant {number}\n" for number in range(100)]
        (folder / f"images_variant_{part}.txt").write_text("".join(lines))
    (folder / "images_box.txt").write_text("".join(f"{number:07d} 1 1 9 9\n" for number in range(200)))
    correct, faithful = (opened("aircraft", tmp_path, mode) for mode in (False, True))
    assert [one.spec.target.size for one in (correct, faithful) if one.spec.target] == [100, 102]
    assert correct.classes[10:12] == ("Variant 18", "Variant 19")  # sorted as text: 0, 1, 10 to 19, 2, …
    assert faithful.classes == (*correct.classes, "unused 1", "unused 2")


@pytest.mark.usefixtures("backwards")
def test_imagenet_takes_both_names_of_the_validation_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.imagenet(tmp_path, monkeypatch)
    val = opened("imagenet", tmp_path)
    folder = tmp_path / "imagenet" / "val"
    folder.rename(folder.with_name("validation"))
    validation = opened("imagenet", tmp_path)
    assert val.classes == validation.classes == ("n01", "n02", "n03")
    rows = torch.arange(3)
    assert torch.equal(val.parts["train"].take(rows).inputs[0], validation.parts["train"].take(rows).inputs[0])
    assert ids(val, "test") == ids(validation, "test") == [4, 5, 6]


def test_imagenet_wants_its_validation_pictures_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.imagenet(tmp_path, monkeypatch)
    folder = tmp_path / "imagenet" / "val"
    for file in list(folder.glob("*/*")):
        file.rename(folder / file.name)
    for empty in list(folder.glob("n0*")):
        empty.rmdir()
    with pytest.raises(UserError, match=r"imagenet/val must hold the same class folders .* sort the validation"):
        opened("imagenet", tmp_path)


def test_a_set_without_pictures_for_testing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.dtd(tmp_path, monkeypatch)
    (tmp_path / "dtd" / "dtd" / "labels" / "test1.txt").write_text("")
    with pytest.raises(UserError, match=r"dtd/images must hold pictures for training and for testing"):
        opened("dtd", tmp_path)


@pytest.mark.parametrize("name", ["chexpert", "chestxray8"])
def test_x_rays_are_grey_in_three_channels(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS[name].write(tmp_path, monkeypatch)
    dataset = opened(name, tmp_path)
    assert dataset.parts["train"].target is not None
    assert dataset.parts["train"].target.dtype == torch.float32
    assert dataset.spec.target is not None
    assert (dataset.spec.target.kind, dataset.spec.target.size) == ("multilabel", len(dataset.classes))
    (pixels,) = dataset.parts["train"].take(torch.tensor([0])).inputs
    assert torch.equal(pixels[:, 0], pixels[:, 1])
    assert torch.equal(pixels[:, 0], pixels[:, 2])
    assert float(pixels.std()) > 0.05


def test_a_picture_is_squashed_and_smoothed() -> None:
    stripes = np.zeros((112, 896, 3), dtype=np.uint8)
    stripes[:, ::2] = 255  # a column white, a column black: four of them to a pixel
    pixels = picture.pixels(Image.fromarray(stripes))
    assert pixels.shape == (3, 224, 224)
    inside = pixels[:, :, 1:-1]  # the filter is 8 columns wide, and cut off at the rim
    assert 127 <= int(inside.min()) <= int(inside.max()) <= 128
    halves = np.zeros((10, 40, 3), dtype=np.uint8)
    halves[:, 20:] = 255  # nothing is cropped: the right half stays the right half
    assert [int(picture.pixels(Image.fromarray(halves))[0, 5, place]) for place in (0, 100, 123, 223)] == [
        0,
        0,
        255,
        255,
    ]
