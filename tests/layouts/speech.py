"""The recordings of speech of the benchmark."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from layouts.layout import Layout


def clip(path: Path, count: int = 3000, rate: int = 16_000) -> None:
    """A clip of noise in 16 bits, the same whenever a file of that name is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode()))
    soundfile.write(path, rng.uniform(-0.5, 0.5, count), rate, subtype="PCM_16")


def librispeech(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Four utterances to train on; for development five of speaker 84 in two chapters, and four of speaker 1272."""
    folder = root / "librispeech" / "LibriSpeech"
    training = ("train-clean-100/19-198-0000", "train-clean-360/14-208-0001", "train-clean-360/14-208-0000")
    for name in (*training, "train-other-500/20-205-0000"):
        subset, stem = name.split("/")
        clip(folder / subset / "/".join(stem.split("-")[:2]) / f"{stem}.flac")
    for speaker, chapter, count in ((84, 121123, 3), (84, 121550, 2), (1272, 128104, 4)):
        chapters = folder / "dev-clean" / str(speaker) / str(chapter)
        for number in range(count):
            clip(chapters / f"{speaker}-{chapter}-{number:04d}.flac")
        (chapters / f"{speaker}-{chapter}.trans.txt").write_text(f"{speaker}-{chapter}-0000 MISTER QUILTER\n")


def voxceleb1(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Three speakers, with a video to train on and another one to test on each."""
    lines = (
        "1 id10002/xTV-jFAUKcw/00001.wav",
        "3 id10001/1zcIwhmdeo4/00001.wav",
        "2 id10001/7gWzIy6yIIk/00002.wav",
        "1 id10003/K5zRxtXc27s/00001.wav",
        "3 id10003/na8-QEFmj44/00003.wav",
        "3 id10002/6WO410QOeuo/00001.wav",
    )
    for line in lines:
        clip(root / "voxceleb1" / "wav" / line[2:])
    (root / "voxceleb1" / "iden_split.txt").write_text("".join(f"{line}\n" for line in lines))


def audio_mnist(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Speakers 1 and 28, who are for training, and 5 and 60, who are not."""
    for name in ("01/7_01_0", "01/3_01_0", "28/9_28_0", "05/0_05_2", "60/4_60_49"):
        clip(root / "audio_mnist" / "AudioMNIST" / "data" / f"{name}.wav", rate=48_000)
    (root / "audio_mnist" / "AudioMNIST" / "data" / "audioMNIST_meta.txt").write_text("{}\n")


def google_speech(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Three speakers, of whom one is listed for testing and one for validation; and a recording of noise."""
    folder = root / "google_speech"
    testing = ("cat/0a7c2a8d_nohash_0.wav", "bed/0a7c2a8d_nohash_0.wav")
    validation = ("eight/2c6446c3_nohash_1.wav",)
    others = ("cat/1b4c9b89_nohash_0.wav", "learn/1b4c9b89_nohash_0.wav", "_background_noise_/pink_noise.wav")
    for name in (*testing, *validation, *others):
        clip(folder / name)
    (folder / "testing_list.txt").write_text("".join(f"{name}\n" for name in testing))
    (folder / "validation_list.txt").write_text("".join(f"{name}\n" for name in validation))


def fluent(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Two orders to train on, one to validate on, two to test on."""
    folder = root / "fluent" / "fluent_speech_commands_dataset"
    tables = {
        "train": (
            ("2BqVo8kVB2Skwgyb", "Turn on the lights, in the kitchen", "activate", "lights", "kitchen"),
            ("2BqVo8kVB2Skwgyb", "Change language to Chinese", "change language", "Chinese", "none"),
        ),
        "valid": (("4aGjX3AG5xcxeL7a", "Bring me shoes", "bring", "shoes", "none"),),
        "test": (
            ("4BrX8aDqK2cLZRYl", "Stop the music in the bedroom", "deactivate", "music", "bedroom"),
            ("5BEzPgPKe8taG9OB", "Louder", "increase", "volume", "none"),
        ),
    }
    (folder / "data").mkdir(parents=True)
    for table, orders in tables.items():
        with (folder / "data" / f"{table}_data.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["", "path", "speakerId", "transcription", "action", "object", "location"])
            for number, (speaker, *rest) in enumerate(orders):
                path = f"wavs/speakers/{speaker}/{table}{number}.wav"
                writer.writerow([number, path, speaker, *rest])
                clip(folder / path)


ANY = (None,)  # spectrograms are scaled, and may hold any value
FLUENT = "fluent/fluent_speech_commands_dataset/wavs/speakers"

LAYOUTS = {
    "librispeech": Layout(
        write=librispeech,
        targets={"train": 4, "test": 9},
        broken="librispeech/LibriSpeech/train-other-500/20/205/20-205-0000.flac",
        values=ANY,
    ),
    "librispeech_speaker": Layout(  # files are sorted as text, 1272 before 84, and speakers as numbers
        write=librispeech,
        targets={"train": [1, 1, 1, 0, 0, 0, 0], "test": [1, 0]},
        broken="librispeech/LibriSpeech/dev-clean/84/121550/84-121550-0001.flac",
        values=ANY,
    ),
    "voxceleb1": Layout(
        write=voxceleb1,
        targets={"train": [1, 0, 2], "test": [0, 2, 1]},
        broken="voxceleb1/wav/id10003/K5zRxtXc27s/00001.wav",
        values=ANY,
    ),
    "audio_mnist": Layout(
        write=audio_mnist,
        targets={"train": [3, 7, 9], "test": [0, 4]},
        broken="audio_mnist/AudioMNIST/data/60/4_60_49.wav",
        values=ANY,
    ),
    "google_speech": Layout(  # all sorted by name, noise first, then the validation list; and the test list as it is
        write=google_speech,
        targets={"train": [21, 0, 34], "test": [28, 21]},
        faithful={"train": [35, 28, 21, 21, 0, 34, 0], "test": [21, 28]},
        broken="google_speech/eight/2c6446c3_nohash_1.wav",
        values=ANY,
    ),
    "fluent_location": Layout(
        write=fluent,
        targets={"train": [1, 0, 0], "test": [2, 0]},
        broken=f"{FLUENT}/4BrX8aDqK2cLZRYl/test0.wav",
        values=ANY,
    ),
    "fluent_action": Layout(
        write=fluent,
        targets={"train": [1, 0, 5], "test": [2, 3]},
        broken=f"{FLUENT}/4aGjX3AG5xcxeL7a/valid0.wav",
        values=ANY,
    ),
    "fluent_object": Layout(
        write=fluent,
        targets={"train": [2, 10, 9], "test": [1, 3]},
        broken="fluent/fluent_speech_commands_dataset/data/test_data.csv",
        values=ANY,
    ),
}
