"""data: what the mini suite's recordings, texts and pictures are, beyond the contract of every data set."""

from __future__ import annotations

import io
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from tokenizers.decoders import ByteLevel

from layouts.mini_media import CLIPART, LAYOUTS
from randquant.data import Dataset
from randquant.data.entry import Entry
from randquant.data.mini import (
    clipart,
    emoji,
    emoji_category,
    help_pages,
    shape_questions,
    speaker,
    spoken_article,
    symbols,
    xray_shapes,
)
from randquant.data.mini.spectrogram import spectrogram, waveform
from randquant.errors import UserError

ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for module in (spoken_article, speaker, help_pages, emoji, emoji_category, clipart, xray_shapes, shape_questions)
    for entry in module.ENTRIES
}


def opened(name: str, root: Path, patch: pytest.MonkeyPatch) -> Dataset:
    LAYOUTS[name].write(root, patch)
    entry = ENTRIES[name]
    assert entry.read is not None
    return entry.read(entry, root, False)


def content_of(values: Any, rate: int, kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, values, rate, format=kind)
    return file.getvalue()


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
def test_a_tone_stands_at_its_pitch_from_its_beginning_to_its_end(rate: int) -> None:
    times = np.arange(rate) / rate
    tone = (np.sin(2 * np.pi * 1000 * times) * (times >= 0.25) * (times < 0.75)).astype(np.float32)
    seen = spectrogram(tone, rate, 1.024)
    # 1 kHz is mel 15 and 4 kHz mel 15 + 27 ln 4 / ln 6.4 = 35.17, so that a band is 0.541 wide: band 27.7, from 1 on.
    assert seen[:, 10].argmax() == 27
    loud = np.flatnonzero(seen[27] > 0.75)
    assert loud[0] <= 2
    assert abs(len(loud) - 0.5 / 0.016) <= 5  # half a second in columns of 16 milliseconds; windows reach over its ends
    assert not seen[:, 40:].any()
    np.testing.assert_allclose(spectrogram(tone / 8, rate, 1.024), seen, atol=1e-3)


def test_a_silent_channel_takes_nothing_away() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    mono, rate = waveform(content_of(noise, 16_000, "WAV"))
    both, _ = waveform(content_of(np.stack([np.zeros_like(noise), noise], axis=1), 16_000, "WAV"))
    np.testing.assert_allclose(both, mono / 2, atol=1e-4)
    np.testing.assert_allclose(spectrogram(both, rate, 1.0), spectrogram(mono, rate, 1.0), atol=0.01)


@pytest.mark.parametrize("kind", ["WAV", "OGG"])
def test_a_recording_that_was_cut_off_is_refused(kind: str) -> None:
    whole = content_of(np.random.default_rng(0).uniform(-0.5, 0.5, 16_000), 16_000, kind)
    waveform(whole)
    for share in (0.3, 0.7, 0.99):
        with pytest.raises(ValueError, match=r"last page|bytes of"):
            waveform(whole[: int(share * len(whole))])


def test_symbols_say_what_the_text_says() -> None:
    texts = ["Der Befehl öffnet 窗口", "the window", "The Window of the page"]
    learner = symbols.learnt(texts, 300)
    assert learner.get_vocab() == symbols.learnt(texts, 300).get_vocab()
    learner.decoder = ByteLevel()
    rows = symbols.symbols(learner, [*texts, "Ж never seen"], 40)
    assert [learner.decode(row).strip() for row in rows.tolist()] == [*map(str.lower, texts), "ж never seen"]
    row = symbols.symbols(learner, texts[1:2], 40)[0]
    length = int((row != symbols.PADDING).sum())
    assert not row[length:].any()
    pair = symbols.joined(learner, [texts[0]], [texts[2]], 6)[0]  # cut to two, what parts them, and three
    assert pair.tolist() == [*rows[0, :2].tolist(), symbols.BETWEEN, *rows[2, :3].tolist()]


def test_a_voice_speaks_two_languages_and_a_prompt_stands_in_one_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = opened("speaker", tmp_path, monkeypatch)
    assert dataset.classes == ("Allison", "June", "Carlo", "IvrvoiceRU")
    read: Any = dataset.parts["train"]
    names = [str(path.relative_to(tmp_path)).split("sounds/")[1] for path in read.read.paths]
    assert names[:2] == ["en_US_f_Allison/agent-pass.wav", "es_MX_f_Allison/agent-pass.wav"]
    assert Counter(name.split("/", 1)[1] for name in names) == dict.fromkeys(
        ("agent-pass.wav", "conf-now.wav", "digits/1.wav", "hello-world.wav"), 5
    )


def test_a_pair_says_the_same_where_its_paragraphs_have_one_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs: list[tuple[str, str]] = []

    def spy(learner: Any, firsts: Sequence[str], seconds: Sequence[str], length: int) -> torch.Tensor:
        pairs.extend(zip(firsts, seconds, strict=True))
        return symbols.joined(learner, firsts, seconds, length)

    monkeypatch.setattr(help_pages, "joined", spy)
    dataset = opened("help_pair", tmp_path, monkeypatch)
    targets = torch.cat([part.target for part in dataset.parts.values() if part.target is not None])
    number = re.compile(r"\d\d$")
    same = [number.findall(first) == number.findall(second) for first, second in pairs]
    assert same == targets.bool().tolist()
    assert all(first.split()[0] != second.split()[0] for first, second in pairs), "both are in one language"
    for side in (0, 1):  # what each paragraph alone tells: nothing
        answers = {
            yes: Counter(pair[side] for pair, one in zip(pairs, same, strict=True) if one == yes) for yes in (0, 1)
        }
        assert answers[0] == answers[1]


def test_captions_fit_as_often_as_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened("emoji", tmp_path, monkeypatch)
    for samples in dataset.parts.values():
        batch = samples.take(torch.arange(len(samples.ids)))
        pixels, captions = batch.inputs
        assert torch.equal(pixels[::2], pixels[1::2])
        right, wrong = captions[::2], captions[1::2]
        assert not bool((right == wrong).all(dim=1).any())
        assert torch.equal(right.view(-1, 2, 12), wrong.view(-1, 2, 12).flip(1))  # a caption keeps to its group
        assert batch.groups is not None
        assert torch.equal(batch.groups, batch.groups[::4].repeat_interleave(4))
        assert len(batch.groups.unique()) == len(samples.ids) // 4
    train = dataset.parts["train"]
    (second,) = torch.nonzero(train.ids == 2)  # the second drawing, on white
    assert bool((train.take(second).inputs[0] == 1).all())


def test_of_a_family_of_emoji_one_has_captions_and_all_are_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LAYOUTS["emoji"].write(tmp_path, monkeypatch)
    folder = tmp_path / "mini/emoji/package"
    names = folder / "en/compact.json"
    text = names.read_text()
    for number, name in (("one", "woman running"), ("three", "man: running"), ("four", "family: man, boy")):
        text = text.replace(f"Face {number}", name)
    names.write_text(text.replace("Face six", "family: woman, girl"))
    shutil.copy(folder / "img/google/64/1f607.png", folder / "img/google/64/1f609.png")
    every = emoji.listed(ENTRIES["emoji"], tmp_path)
    assert emoji.families(every) == [0, 1, 0, 2, 3, 2, 4, 5, 4, 6]
    train = emoji_category.read(ENTRIES["emoji_category"], tmp_path, False).parts["train"]
    groups = train.take(torch.arange(len(train.ids))).groups
    assert groups is not None
    assert groups.tolist() == [0, 1, 0, 2, 3, 2, 5, 6]
    with pytest.raises(UserError, match="must list 10 families of emoji or more"):
        emoji.read(ENTRIES["emoji"], tmp_path, False)
    assert emoji.families([]) == []
    (folder / "img/google/64/1f605.png").unlink()
    with pytest.raises(UserError, match=r"1f605\.png"):
        emoji.families(every)


def test_variants_of_a_drawing_are_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = opened("clipart", tmp_path, monkeypatch).held("train")
    assert train.groups is not None
    # two bears, a cat, a house, a map, a desk, and a home that is the house
    assert train.groups.tolist() == [0, 0, 1, 2, 4, 5, 2, 6, 8, 9, 10]
    assert clipart.subject("Toy-Car_BW_07") == clipart.subject("toy_car") == "toy car"
    assert clipart.subject("05_a_red") == "05_a_red"
    monkeypatch.setattr(clipart, "_SERIES", 1)  # of two apples
    again = clipart.read(ENTRIES["clipart"], tmp_path, False)
    assert len(again.held("test").ids) == 1
    assert len(again.held("train").ids) == len(train.ids) + 2
    darker = 1 - (1 - train.inputs[0]) / 2
    assert clipart.groups_of(["one", "two"], torch.stack([train.inputs[0][0], darker[0]])).tolist() == [0, 0]


def test_a_drawing_is_shown_whole_on_white(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apple = opened("clipart", tmp_path, monkeypatch).held("test").inputs[0][0]  # [3, 48, 48], of 24 x 96 pixels
    assert bool((apple[:, :18] == 1).all() and (apple[:, 30:] == 1).all())
    assert bool((apple[:, 18:30, :16] == 1).all())
    assert bool((apple[:, 18:30, 16:] < 0.5).all())


def test_what_is_no_drawing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS["clipart"].write(tmp_path, monkeypatch)
    path = tmp_path / CLIPART / "tools/none.png"
    path.write_bytes(b"<html>no drawing of any kind</html>")
    with pytest.raises(UserError, match=rf"{path} cannot be read .*does not begin as a PNG file"):
        clipart.read(ENTRIES["clipart"], tmp_path, False)


def test_findings_change_the_picture_where_they_are() -> None:
    ids = torch.arange(40)
    none = xray_shapes.pictures(ids, torch.zeros(40, 5))
    assert torch.equal(none[7:9], xray_shapes.pictures(ids[7:9], torch.zeros(2, 5)))
    changes = {}
    for place, finding in enumerate(xray_shapes.FINDINGS):
        found = torch.zeros(40, 5)
        found[:, place] = 1
        changes[finding] = (xray_shapes.pictures(ids, found) - none)[:, 0]  # [40, 32, 32]
        assert bool((changes[finding].abs().amax(dim=(1, 2)) > 0.05).all()), f"{finding} cannot be seen"
    for finding in ("large heart", "fluid", "spot", "line"):
        assert float(changes[finding].min()) > -1e-3, f"{finding} darkens"
    assert float(changes["dark rim"].max()) < 1e-3
    assert float(changes["dark rim"][:, 20:].abs().max()) < 0.01  # rows from the top
    assert float(changes["fluid"][:, :12].abs().max()) < 0.01
    assert float(changes["large heart"][:, :, :4].abs().max()) < 0.01  # columns from the left
    assert int((changes["spot"] > 0.05).sum(dim=(1, 2)).max()) < 25
    assert int((changes["line"][:, 5] > 0.05).sum(dim=1).max()) < 6


def test_findings_are_independent_and_in_three_pictures_of_ten(tmp_path: Path) -> None:
    entry = ENTRIES["xray_shapes"]
    assert entry.read is not None
    dataset = entry.read(entry, tmp_path, False)
    train, test = dataset.held("train"), dataset.held("test")
    assert (len(train.ids), len(test.ids)) == (4000, 1000)
    assert not set(train.ids.tolist()) & set(test.ids.tolist())
    assert train.target is not None
    assert dataset.synthetic
    often = train.target.mean(dim=0)
    assert bool(((often - 0.3).abs() < 4 * (0.21 / 4000) ** 0.5).all())
    assert float((torch.corrcoef(train.target.T) - torch.eye(5)).abs().max()) < 4 / 4000**0.5
    assert torch.equal(
        dataset.held("test").inputs[0][:3], xray_shapes.pictures(torch.arange(4000, 4003), test.target[:3])
    )


def test_answers_are_what_the_pictures_show(tmp_path: Path) -> None:
    ids = torch.arange(600)
    kinds, columns, rows = shape_questions.scenes(ids)
    asked, answers = shape_questions.questions(ids, kinds, columns, rows)
    words = [[shape_questions.WORDS[symbol] for symbol in row] for row in asked.tolist()]
    names = [f"{colour} {shape}" for colour in shape_questions.COLOURS for shape in shape_questions.SHAPES]
    told = []
    for row, of_row, xs, ys in zip(words, kinds.tolist(), columns.tolist(), rows.tolist(), strict=True):
        at = {names[kind]: place for kind, place in zip(of_row[:3], zip(xs, ys, strict=True), strict=True)}
        question = " ".join(row).strip()
        if there := re.fullmatch("is there a (.*)", question):
            told.append(there[1] in at)
            continue
        compared = re.fullmatch("is the (.*) (left of|above) the (.*)", question)
        assert compared is not None, question
        axis = 0 if compared[2] == "left of" else 1
        told.append(at[compared[1]][axis] < at[compared[3]][axis])
    assert told == answers.bool().tolist()
    kinds_of_question = Counter("there" if row[1] == "there" else row[4] for row in words)
    assert len(kinds_of_question) == 3
    assert min(kinds_of_question.values()) > 150


def test_neither_picture_nor_question_alone_answers() -> None:
    ids = torch.arange(20_000)
    kinds, columns, rows = shape_questions.scenes(ids)
    asked, answers = shape_questions.questions(ids, kinds, columns, rows)
    counts = torch.stack([(asked == symbol).sum(dim=1) for symbol in range(1, len(shape_questions.WORDS))], dim=1)
    yes, no = counts[answers == 1].double(), counts[answers == 0].double()
    error = (yes.var(dim=0) / len(yes) + no.var(dim=0) / len(no)).sqrt()
    assert bool(((yes.mean(dim=0) - no.mean(dim=0)).abs() <= 4 * error).all())
    shown = torch.nn.functional.one_hot(kinds[:, :3], 16).sum(dim=1).double()
    difference = shown[answers == 1].mean(dim=0) - shown[answers == 0].mean(dim=0)
    assert float(difference.abs().max()) < 4 * (4 * 3 / 16 / 20_000) ** 0.5


def test_shapes_stand_in_their_cells_in_their_colours() -> None:
    ids = torch.arange(50)
    scene = shape_questions.scenes(ids)
    drawn = shape_questions.pictures(ids, *scene)
    palette = torch.tensor(list(shape_questions.COLOURS.values()))
    areas = torch.zeros(4, dtype=torch.int64)
    for number in range(50):
        coloured = (drawn[number].amax(dim=0) - drawn[number].amin(dim=0)) > 0.2  # grey has no colour
        taken = torch.zeros(48, 48, dtype=torch.bool)
        for kind, column, row in zip(*(one[number, :3].tolist() for one in scene), strict=True):
            cell = slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16)
            inside = coloured[cell]
            colours = drawn[number][:, cell[0], cell[1]][:, inside]
            assert torch.equal(colours, palette[kind // 4][:, None].expand_as(colours))
            areas[kind % 4] = int(inside.sum())
            taken[cell] = True
        assert not bool(coloured[~taken].any())
    # circle, square, triangle and cross: pi 5.5^2 = 95, 10^2 = 100, 11 x 11 / 2 = 60.5, 2 x 11 x 3 - 9 = 57
    assert (areas - torch.tensor([95, 100, 60, 57])).abs().max() <= 15
