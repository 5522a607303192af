"""mini: facts of the clothes, the watch, the vowels and the rated sentences that the contract does not hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from layouts import mini_known as layouts
from randquant.data.batch import Dataset
from randquant.data.mini import fashion_mnist, japanese_vowels, sentiment, watch
from randquant.errors import UserError

MODULES = {"fashion_mnist": fashion_mnist, "watch": watch, "japanese_vowels": japanese_vowels, "sentiment": sentiment}


def opened(name: str, root: Path) -> Dataset:
    (entry,) = MODULES[name].ENTRIES
    assert entry.read is not None
    return entry.read(entry, root, False)


def written(name: str, root: Path, patch: pytest.MonkeyPatch) -> Dataset:
    layouts.LAYOUTS[name].write(root, patch)
    return opened(name, root)


def test_some_clothes_are_drawn_and_keep_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "_PARTS", {"train": ("train", 3), "test": ("t10k", 2)})
    clothes = written("fashion_mnist", tmp_path, monkeypatch)
    for part, first, labels in (("train", 0, [9, 0, 3, 3]), ("test", 4, [8, 1, 0])):
        samples = clothes.held(part)
        numbers = (samples.ids - first).tolist()
        assert len(set(numbers)) == len(labels) - 1
        assert numbers == sorted(numbers)
        assert samples.target is not None
        assert samples.target.tolist() == [labels[number] for number in numbers]
        assert (samples.inputs[0][:, 0, 0, 0] * 255).round().tolist() == numbers


def test_as_many_labels_as_clothes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts.fashion_mnist(tmp_path, monkeypatch)
    file = tmp_path / layouts.CLOTHES / "train-labels-idx1-ubyte.gz"
    for labels, said in (([1, 2, 3], "3 labels for 4 photographs"), ([1, 2, 3, 10], "from 0 to 9")):
        layouts.idx(file, len(labels), values=bytes(labels))
        with pytest.raises(UserError, match=f"{file.name} cannot be read .*{said}"):
            opened("fashion_mnist", tmp_path)


def test_windows_begin_every_two_seconds_and_never_mix_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exercises = written("watch", tmp_path, monkeypatch)
    train, test = exercises.held("train"), exercises.held("test")
    assert train.groups is not None
    assert test.groups is not None
    assert train.groups.tolist() == [2, 2, 1, 1, 1]
    assert test.groups.tolist() == [7, 10, 10, 9]
    assert train.inputs[0][:, 0, 0].tolist() == [0, 1000, 0, 1000, 2000]  # ten times the first step
    assert train.inputs[0][1, :, 199].tolist() == [2990, 2991, 2992, 2993, 2994, 2995]


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_watch_file_cannot_call_anything(tmp_path: Path) -> None:
    layouts.array_of_one(tmp_path / layouts.WATCH, {"X": Harm(tmp_path / "harm")})
    with pytest.raises(UserError, match=r"watch_dataset\.npy cannot be read .*mkdir, which no array needs"):
        opened("watch", tmp_path)
    assert not (tmp_path / "harm").exists()


def test_a_watch_file_of_other_axes_or_too_few_subjects_is_refused(tmp_path: Path) -> None:
    for change, said in (
        ({"X_labels": ["ax", "ay", "az", "wx", "wz", "wy"]}, "its axes must be ax, ay, az, wx, wy, wz"),
        ({"subject": np.array([1, 2, 3, 1, 2, 3])}, "more than 3 subjects"),
        ({"y": np.array([6, 2, 1, 0, 5, 7])}, "labels from 0 to 6"),
    ):
        layouts.array_of_one(tmp_path / layouts.WATCH, layouts.recordings() | change)
        with pytest.raises(UserError, match=said):
            opened("watch", tmp_path)


def test_an_utterance_is_filled_with_its_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (values,) = written("japanese_vowels", tmp_path, monkeypatch).held("train").inputs
    steps = torch.arange(30).clamp(max=6) / 100  # the first utterance has 7
    torch.testing.assert_close(values[0], torch.arange(12.0)[:, None] + steps)
    torch.testing.assert_close(values[1, 11], 11 + torch.arange(30).clamp(max=28) / 100)


@pytest.mark.parametrize("line", [layouts.utterance(31, 1), layouts.utterance(7, 10), "1.0:2.0:1\n", ""])
def test_another_utterance_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts.japanese_vowels(tmp_path, monkeypatch)
    file = tmp_path / layouts.VOWELS / "JapaneseVowels_TEST.ts"
    file.write_text(f"@data\n{line}")
    with pytest.raises(UserError, match=r"JapaneseVowels_TEST\.ts cannot be read .*(utterance 1 must be|after a line)"):
        opened("japanese_vowels", tmp_path)


def test_equal_sentences_are_one_group_and_the_undecided_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = written("sentiment", tmp_path, monkeypatch)
    train, test = films.held("train"), films.held("test")
    assert train.ids.tolist() == [1, 2, 4, 5, 7, 8, 10]
    assert test.ids.tolist() == [6, 9]
    assert test.groups is not None
    assert test.groups[0] == test.groups[1]
    assert torch.equal(test.inputs[0][0], test.inputs[0][1])


def test_the_vocabulary_is_learnt_from_the_training_part_alone(tmp_path: Path) -> None:
    told = "unforgettable " * 9
    for name, number in (("without", 0), ("in_test", 6), ("in_train", 1)):
        rated = [(one, rating, told if one == number else text) for one, rating, text in layouts.RATED]
        layouts.sentences(tmp_path / name / layouts.SENTENCES, rated[:8])
    without, in_test, in_train = (opened("sentiment", tmp_path / name) for name in ("without", "in_test", "in_train"))
    assert torch.equal(without.held("train").inputs[0], in_test.held("train").inputs[0])
    # Letter by letter it takes 9 x 14 symbols, of which 64 are kept; once learnt, nine.
    assert int((in_test.held("test").inputs[0] != 0).sum()) == 64
    assert int((in_train.held("train").inputs[0][0] != 0).sum()) == 9
    assert in_train.held("train").inputs[0][0, 9:].tolist() == [0] * 55


def test_entities_are_the_characters_they_mean(tmp_path: Path) -> None:
    for name, text in (("entity", "Short &amp; sweet"), ("character", "short & sweet")):
        layouts.sentences(tmp_path / name / layouts.SENTENCES, [(0, 1.0, text), *layouts.RATED])
    entity, character = (
        opened("sentiment", tmp_path / name).held("train").inputs[0] for name in ("entity", "character")
    )
    assert torch.equal(entity, character)
