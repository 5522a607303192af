"""data: what the benchmark's pictures with texts are, beyond the contract of every data set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from layouts import images, text, vision_language
from randquant.data import Dataset
from randquant.data.dabs import captioned, mscoco, vocabularies, vqa
from randquant.data.dabs.captioned import Captioned
from randquant.data.files import Files
from randquant.data.items import Items
from randquant.errors import UserError

ENTRIES = {entry.name: entry for module in (mscoco, vqa) for entry in module.ENTRIES}


def opened(name: str, root: Path, faithful: bool = False) -> Dataset:
    entry = ENTRIES[name]
    assert entry.read is not None
    return entry.read(entry, root, faithful)


def told(dataset: Dataset, part: str) -> list[tuple[int, int, tuple[str, ...], float]]:
    """Of each sample its id, the number of its picture, its texts and its label."""
    samples = dataset.parts[part]
    assert isinstance(samples, Items)
    assert isinstance(samples.read, Captioned)
    assert samples.target is not None
    assert samples.groups is not None
    pictures = [int(samples.read.pictures[row].stem[-12:]) for row in range(len(samples.ids))]
    assert samples.groups.tolist() == pictures
    return list(zip(samples.ids.tolist(), pictures, samples.read.texts, samples.target.tolist(), strict=True))


def read(file: Path, image: Image.Image, root: Path) -> torch.Tensor:
    """What becomes of a picture."""
    text.bert(root)
    image.save(file)
    reader = Captioned(Files(file.parent, np.array([file.name.encode()])), [("A mill.",)], vocabularies.bert(root, 32))
    return reader(0)[0]


@pytest.mark.parametrize("size", [(640, 427), (300, 500), (97, 33)], ids=["wide", "high", "small"])
def test_pictures_become_what_torchvision_makes_of_them(size: tuple[int, int], tmp_path: Path) -> None:
    images.picture(tmp_path / "noise.png", size=size)
    image = Image.open(tmp_path / "noise.png")
    steps = v2.Compose([v2.Resize((640, 480)), v2.CenterCrop((480, 480)), v2.Resize((224, 224)), v2.PILToTensor()])
    assert torch.equal(read(tmp_path / "picture.png", image, tmp_path), steps(image))


@pytest.mark.parametrize(("red", "seen"), [(96, 0), (104, 1)])
def test_an_eighth_is_lost_at_the_top_and_at_the_bottom(red: int, seen: int, tmp_path: Path) -> None:
    colours = np.full((800, 200, 3), 255, dtype=np.uint8)
    colours[:red] = colours[-red:] = (255, 0, 0)
    colours[:, :2] = 0  # nothing is lost at the sides
    pixels = read(tmp_path / "picture.png", Image.fromarray(colours), tmp_path)
    assert pixels.shape == (3, 224, 224)
    assert pixels.dtype == torch.uint8
    for row in (0, -1):
        assert int(pixels[1, row, 100] < 250) == seen
    assert bool((pixels[:, 4:-4, 100] == 255).all())
    assert int(pixels[:, 112, 0].max()) < 10


def test_the_last_caption_and_the_last_object_stand_for_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vision_language.mscoco(tmp_path, monkeypatch)
    near, river, valley = ("The mill near the river.",), ("A river.",), ("A valley with a river.",)
    correct, faithful = (opened("mscoco", tmp_path, mode) for mode in (False, True))
    assert told(correct, "train") == [(0, 9, near, 1), (1, 25, river, 2)]
    assert told(correct, "test") == [(2, 12, valley, 1)]
    assert told(faithful, "train") == [(0, 25, river, 0), (1, 9, near, 2), (2, 25, river, 2), (3, 9, near, 1)]
    assert told(faithful, "test") == [(4, 12, valley, 2), (5, 12, valley, 1)]
    assert correct.classes == ("person", "car", "toothbrush")
    samples = correct.parts["train"]
    assert torch.equal(samples.take(torch.tensor([0])).inputs[1][0], vocabularies.bert(tmp_path, 32)(near[0]).long())


def test_swaps_stay_with_their_question_but_for_the_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vision_language.vqa(tmp_path, monkeypatch)
    correct, faithful = (opened("vqa", tmp_path, mode) for mode in (False, True))
    assert told(correct, "train") == [
        (10, 1, ("what colour is it", "red"), 1),
        (11, 1, ("is it big", "never"), 0),
        (31, 3, ("who is it", "man"), 1),
        (40, 4, ("where is it", "street"), 0),
        (50, 5, ("when is it", "noon"), 1),
    ]
    assert told(correct, "test") == [(60, 6, ("what is it", "dog"), 0), (61, 6, ("is it old", "no"), 1)]
    # 11 finds "yes" fourth among its choices, and 40 "park" first, the second copy of which it then draws.
    assert told(faithful, "train") == [
        (10, 1, ("what colour is it", "park"), 0),
        (11, 3, ("who is it", "never"), 0),
        (40, 1, ("what colour is it", "park"), 0),
        (50, 5, ("when is it", "noon"), 1),
    ]
    assert told(faithful, "test") == [(60, 6, ("is it old", "dog"), 0)]
    expected = vocabularies.bert(tmp_path, 32)("is it big", "never").long()
    assert torch.equal(correct.parts["train"].take(torch.tensor([1])).inputs[1][0], expected)


def many(root: Path, count: int = 4000) -> Path:
    """Questions without pictures, each of whose right answers is a place among eighteen choices."""
    text.bert(root)
    folder = root / "vqa"
    choices = [f"choice {place}" for place in range(18)]
    for part in ("train2014", "val2014"):
        (folder / part).mkdir(parents=True)
        numbers = range(count) if part == "train2014" else range(count, count + 1)
        questions = [{"question_id": number, "question": "what", "multiple_choices": choices} for number in numbers]
        answers = [
            {"question_id": number, "image_id": number, "multiple_choice_answer": choices[number % 18]}
            for number in numbers
        ]
        vision_language.write(folder / f"MultipleChoice_mscoco_{part}_questions.json", {"questions": questions})
        vision_language.write(folder / f"mscoco_{part}_annotations.json", {"annotations": answers})
    return folder


def test_half_of_the_answers_are_swapped_for_any_other_choice(tmp_path: Path) -> None:
    folder = many(tmp_path)
    samples = told(opened("vqa", tmp_path), "train")
    right = [number % 18 for number, _, _, _ in samples]
    given = [int(texts[1].split()[1]) for _, _, texts, _ in samples]
    assert [float(one == other) for one, other in zip(right, given, strict=True)] == [label for *_, label in samples]
    assert 1900 < sum(label for *_, label in samples) < 2100  # 2000, give or take three deviations of 32
    steps = [(other - one) % 18 for one, other in zip(right, given, strict=True) if one != other]
    counts = np.bincount(steps, minlength=18)
    assert counts[0] == 0
    assert 75 < counts[1:].min() <= counts[1:].max() < 160  # about 118 each
    file = folder / "mscoco_train2014_annotations.json"
    answers = json.loads(file.read_text())["annotations"]
    vision_language.write(file, {"annotations": answers[:7:-1]})  # the draw is the question's own
    known = {number: texts for number, _, texts, _ in samples}
    again = {number: texts for number, _, texts, _ in told(opened("vqa", tmp_path), "train")}
    assert again == {number: known[number] for number in range(8, 4000)}


def test_half_of_the_benchmark_s_samples_show_its_first_questions(tmp_path: Path) -> None:
    many(tmp_path)
    samples = told(opened("vqa", tmp_path, faithful=True), "train")
    assert {picture for number, picture, _, _ in samples if number != picture} == set(range(18))
    assert all(label == 0 for _, picture, _, label in samples if picture < 18)
    assert all(label == 1 for _, picture, _, label in samples if picture >= 18)
    assert 1900 < sum(label == 0 for *_, label in samples) < 2100


@pytest.mark.parametrize("name", ["mscoco", "vqa"])
@pytest.mark.parametrize("broken", ["cut", "empty"])
def test_a_broken_table_is_named(name: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vision_language.LAYOUTS[name].write(tmp_path, monkeypatch)
    file = (
        tmp_path
        / {
            "mscoco": "mscoco/annotations/instances_val2017.json",
            "vqa": "vqa/mscoco_val2014_annotations.json",
        }[name]
    )
    whole = json.loads(file.read_text())
    file.write_text(file.read_text()[:-9] if broken == "cut" else json.dumps({**whole, "annotations": []}))
    with pytest.raises(UserError, match=rf"{file} (cannot be read \(JSONDecodeError|must hold .* but has none)"):
        opened(name, tmp_path)


def test_the_bulk_of_a_table_is_not_kept(tmp_path: Path) -> None:
    vision_language.write(tmp_path / "table.json", {"one": [{"id": 1, "bulk": [1, 2]}], "other": [{"id": 2}]})
    assert captioned.listed(tmp_path / "table.json", "other", "one", without="bulk") == ([{"id": 2}], [{"id": 1}])
