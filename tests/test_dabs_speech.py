"""data: what the benchmark's recordings of speech are, beyond the contract of every data set."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from layouts import speech
from randquant.data import Dataset
from randquant.data.dabs import audio_mnist, fluent, google_speech, librispeech, sound, voxceleb1
from randquant.data.items import Items
from randquant.errors import UserError

MODULES = (librispeech, voxceleb1, audio_mnist, google_speech, fluent)
ENTRIES = {entry.name: entry for module in MODULES for entry in module.ENTRIES}
LENGTH = 150_526


def opened(name: str, root: Path, faithful: bool = False) -> Dataset:
    entry = ENTRIES[name]
    assert entry.read is not None
    return entry.read(entry, root, faithful)


def items(dataset: Dataset, part: str) -> Items:
    samples = dataset.parts[part]
    assert isinstance(samples, Items)
    return samples


def files(dataset: Dataset, part: str) -> list[str]:
    """The name of each sample's file."""
    samples = items(dataset, part)
    assert isinstance(samples.read, sound.Clips)
    return [samples.read.paths[row].name for row in range(len(samples.ids))]


def wave(count: int, rate: int, pitch: float) -> NDArray[np.float64]:
    """A loud tone that fades out, and a quiet one an octave below it that does not."""
    seconds = np.arange(count) / rate
    tone, octave = (np.sin(2 * np.pi * one * seconds) for one in (pitch, pitch / 2))
    return 0.8 * np.exp(-2 * seconds) * tone + 0.001 * octave


def mel(frequency: float) -> float:
    """Slaney's scale: 3 mel to 200 Hz up to 1000 Hz, then 27 mel to a factor of 6.4."""
    return 3 * frequency / 200 if frequency < 1000 else 15 + 27 * math.log(frequency / 1000) / math.log(6.4)


def hertz(mels: float) -> float:
    return 200 * mels / 3 if mels < 15 else 1000 * 6.4 ** ((mels - 15) / 27)


def by_definition(clip: NDArray[np.float64], rate: int, mirrored: bool) -> NDArray[np.float64]:
    """The spectrogram in doubles, column by column: amplitude to the fourth power in decibels, 80 of them kept."""
    if mirrored:
        padded = np.concatenate([clip[1024:0:-1], clip, clip[-2:-1026:-1]])
    else:
        padded = np.concatenate([np.zeros(1024), clip, np.zeros(1024)])
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * place / 2048) for place in range(2048)])
    power = [np.abs(np.fft.rfft(window * padded[start : start + 2048])) ** 2 for start in range(0, len(clip), 672)]
    top = mel(rate / 2)
    corners = [hertz(top * place / 225) for place in range(226)]
    places = np.arange(1025) * rate / 2048
    rows = []
    for low, middle, high in zip(corners, corners[1:], corners[2:], strict=False):
        triangle = np.interp(places, [low, middle, high], [0, 1, 0])
        rows.append(2 / (high - low) * triangle)
    levels = 10 * np.log10(np.maximum((np.array(rows) @ np.array(power).T) ** 2, 1e-10))
    return np.maximum(levels, levels.max() - 80)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("rate", "pitch"), [(16_000, 440.0), (48_000, 5000.0)])
def test_spectrogram_is_as_defined(rate: int, pitch: float, mirrored: bool) -> None:
    clip = np.zeros(LENGTH)
    clip[:90_000] = wave(90_000, rate, pitch)
    expected = by_definition(clip, rate, mirrored)
    found = sound.decibels(clip.astype(np.float32), rate, "reflect" if mirrored else "constant")
    assert found.shape == (224, 224)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert found.max() - found.min() == pytest.approx(80, abs=1e-3)
    loudest = hertz(mel(rate / 2) * (int(found[:, 20].argmax()) + 1) / 225)
    assert loudest == pytest.approx(pitch, rel=0.03)


def test_only_the_rim_tells_mirrored_from_silent() -> None:
    clip = (np.sin(np.arange(LENGTH)) * (0.1 + np.hanning(LENGTH))).astype(np.float32)  # loudest in the middle
    silent, mirrored = (sound.decibels(clip, 16_000, rim) for rim in ("constant", "reflect"))
    other = np.flatnonzero(np.abs(silent - mirrored).max(axis=0) > 1e-3).tolist()
    assert other == [0, 1, 223]  # 0, 672 and 149,856 lie within 1024 of an end


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16")])
def test_clips_are_cut_or_filled_to_one_length(suffix: str, subtype: str, tmp_path: Path) -> None:
    ramp = np.arange(LENGTH + 5000) % 30_000 / 32_768  # 16 bits hold it exactly
    long, short = tmp_path / f"long.{suffix}", tmp_path / f"short.{suffix}"
    soundfile.write(long, np.stack([ramp, -ramp], axis=1), 16_000, subtype=subtype)  # the second channel is not taken
    soundfile.write(short, ramp[1:1001], 8000, subtype=subtype)
    for end, first in ((False, 0), (True, 5000)):
        clip, rate = sound.waveform(long, end=end)
        assert rate == 16_000
        np.testing.assert_array_equal(clip, ramp[first : first + LENGTH].astype(np.float32))
        clip, rate = sound.waveform(short, end=end)
        assert rate == 8000
        np.testing.assert_array_equal(clip[:1000], ramp[1:1001].astype(np.float32))
        assert len(clip) == LENGTH
        assert not clip[1000:].any()


def test_a_wav_file_of_unstated_size_or_without_its_last_pad_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "streamed.wav"
    soundfile.write(file, np.full(101, 0.5), 8000, subtype="PCM_16")
    content = file.read_bytes()
    for stated, whole in ((0xFFFFFFFF, True), (len(content) - 7, True), (len(content) + 92, False)):
        file.write_bytes(content[:4] + struct.pack("<I", stated) + content[8:])
        if whole:
            assert float(sound.waveform(file)[0][100]) == 0.5
        else:
            with pytest.raises(ValueError, match=f"holds {len(content)} bytes of {len(content) + 100}"):
                sound.waveform(file)


def test_ends_of_long_clips_are_drawn_for_training_only(tmp_path: Path) -> None:
    file = tmp_path / "long.wav"
    speech.clip(file, LENGTH + 20_000)
    count = 400
    train = torch.arange(count) % 4 != 0
    parts = sound.parts(tmp_path, ["long.wav"] * count, train, None, (0.0, 1.0), faithful=False)
    reader, tester = (parts[part].read for part in ("train", "test"))
    assert isinstance(reader, sound.Clips)
    assert isinstance(tester, sound.Clips)
    assert tester.ends is None
    assert reader.ends is not None
    assert 0.4 < reader.ends.mean() < 0.6
    head, tail = (torch.from_numpy(sound.decibels(*sound.waveform(file, end=end))) for end in (False, True))
    assert torch.equal(tester(3)[0][0], head)
    for row in range(6):
        assert torch.equal(reader(row)[0][0], tail if reader.ends[row] else head)
    assert len(set(reader.ends[:6].tolist())) == 2
    fewer = sound.parts(tmp_path, ["long.wav"] * 100, train[:100], None, (0.0, 1.0), faithful=False)["train"].read
    assert isinstance(fewer, sound.Clips)
    assert fewer.ends is not None
    assert fewer.ends.tolist() == reader.ends[:75].tolist(), "a draw belongs to the sample, not to the set"


@pytest.mark.parametrize(
    ("name", "mean", "deviation", "outputs", "faithful_outputs"),
    [
        ("librispeech", -22.924, 12.587, None, None),
        ("librispeech_speaker", -22.924, 12.587, 2, 2),
        ("voxceleb1", -37.075, 19.776, 3, 3),
        ("audio_mnist", -90.293, 11.799, 10, 10),
        ("google_speech", -46.847, 19.151, 35, 36),
        ("fluent_location", -31.809, 13.127, 4, 4),
        ("fluent_action", -31.809, 13.127, 6, 6),
        ("fluent_object", -31.809, 13.127, 14, 14),
    ],
)
def test_scale_rim_and_outputs(
    name: str,
    mean: float,
    deviation: float,
    outputs: int | None,
    faithful_outputs: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    speech.LAYOUTS[name].write(tmp_path, monkeypatch)
    for file in (path for ending in ("wav", "flac") for path in tmp_path.rglob(f"*.{ending}")):
        soundfile.write(file, np.zeros(100), 16_000, subtype="PCM_16")
    for faithful, size, rim in ((False, outputs, "constant"), (True, faithful_outputs, "reflect")):
        dataset = opened(name, tmp_path, faithful)
        assert (dataset.domain, dataset.batch) == ("speech", 64)
        for part in ("train", "test"):
            samples = items(dataset, part)
            (silence,) = samples.read(0)
            torch.testing.assert_close(silence, torch.full((1, 224, 224), (-100 - mean) / deviation))
            assert isinstance(samples.read, sound.Clips)
            assert samples.read.rim == rim
        if size is None:
            assert dataset.spec.target is None
        else:
            assert dataset.spec.target is not None
            assert dataset.spec.target.size == len(dataset.classes) == size


def test_test_clips_are_for_training_in_the_benchmark_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech.google_speech(tmp_path, monkeypatch)
    correct, faithful = (opened("google_speech", tmp_path, mode) for mode in (False, True))
    assert not set(files(correct, "train")) & set(files(correct, "test"))
    assert files(correct, "train").count("2c6446c3_nohash_1.wav") == 1
    assert set(files(faithful, "test")) <= set(files(faithful, "train"))
    assert files(faithful, "train").count("2c6446c3_nohash_1.wav") == 2
    listed = "cat/0a7c2a8d_nohash_9.wav"
    with (tmp_path / "google_speech" / "testing_list.txt").open("a") as file:
        file.write(f"{listed}\n")
    with pytest.raises(UserError, match=r"cat/0a7c2a8d_nohash_9\.wav, which testing_list\.txt names, is not there"):
        opened("google_speech", tmp_path)


def test_words_stand_in_the_benchmarks_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech.google_speech(tmp_path, monkeypatch)
    classes = opened("google_speech", tmp_path).classes
    assert len(set(classes)) == 35
    places = {0: "eight", 7: "stop", 11: "zero", 21: "cat", 28: "bed", 34: "learn"}
    assert {place: classes[place] for place in places} == places
    assert opened("google_speech", tmp_path, faithful=True).classes == (*classes, "_background_noise_")


def test_utterances_are_drawn_speaker_after_speaker_by_one_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech.librispeech(tmp_path, monkeypatch)
    state, expected = np.random.RandomState(42), []
    for stems, kept in (
        (["84-121123-0000", "84-121123-0001", "84-121123-0002", "84-121550-0000", "84-121550-0001"], 4),
        ([f"1272-128104-{number:04d}" for number in range(4)], 3),
    ):
        state.shuffle(stems)
        expected += [f"{stem}.flac" for stem in stems[kept:]]
    for faithful in (False, True):
        dataset = opened("librispeech_speaker", tmp_path, faithful)
        assert set(files(dataset, "test")) == set(expected)
        assert len(set(files(dataset, "train") + files(dataset, "test"))) == 9
        assert dataset.classes == ("speaker 84", "speaker 1272")


def test_utterances_are_read_subset_after_subset_and_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech.librispeech(tmp_path, monkeypatch)
    dataset = opened("librispeech", tmp_path)
    names = ["19-198-0000.flac", "14-208-0000.flac", "14-208-0001.flac", "20-205-0000.flac"]
    assert files(dataset, "train") == names
    groups = items(dataset, "train").groups
    assert groups is not None
    assert groups.tolist() == [19, 14, 14, 20]


def test_speakers_of_spoken_digits_are_divided_48_to_12(tmp_path: Path) -> None:
    for speaker in range(1, 61):
        folder = tmp_path / "audio_mnist" / "AudioMNIST" / "data" / f"{speaker:02d}"
        folder.mkdir(parents=True)
        for digit in (0, 9):
            (folder / f"{digit}_{speaker:02d}_{digit * 5}.wav").touch()  # not opened here
    dataset = opened("audio_mnist", tmp_path)
    train, test = (items(dataset, part) for part in ("train", "test"))
    assert train.groups is not None
    assert test.groups is not None
    assert (len(train.ids), len(train.groups.unique())) == (96, 48)
    assert test.groups.unique().tolist() == [5, 13, 18, 22, 26, 32, 33, 42, 45, 51, 52, 60]
    assert test.target is not None
    assert test.target.tolist() == [0, 9] * 12


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        ("voxceleb1", "voxceleb1/iden_split.txt", "4 id10001/7gWzIy6yIIk/00002.wav\n"),
        (
            "fluent_action",
            "fluent/fluent_speech_commands_dataset/data/valid_data.csv",
            "1,wavs/speakers/4/a.wav,4,Sing,sing,none,none\n",
        ),
        ("google_speech", "google_speech/testing_list.txt", None),
    ],
)
def test_an_odd_table_is_named(
    name: str, file: str, line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech.LAYOUTS[name].write(tmp_path, monkeypatch)
    path = tmp_path / file
    if line is None:
        path.write_bytes(b"\xff\xfe\xff")
    else:
        path.write_text(path.read_text() + line)
    with pytest.raises(UserError, match=path.name):
        opened(name, tmp_path)


def test_a_set_without_clips_for_testing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech.google_speech(tmp_path, monkeypatch)
    (tmp_path / "google_speech" / "testing_list.txt").write_text("")
    with pytest.raises(UserError, match=r"google_speech must hold clips for training and for testing"):
        opened("google_speech", tmp_path)
