"""Sets of the mini suite that are known from elsewhere: clothes, a smart watch, vowels and rated sentences."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from layouts.layout import Layout

CLOTHES = Path("mini/fashion_mnist/usr/share/datasets/fashion-mnist")
WATCH = Path("mini/watch/seglearn/data/watch_dataset.npy")
VOWELS = Path("mini/japanese_vowels/aeon/datasets/data/JapaneseVowels")
SENTENCES = Path("mini/sentiment/vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz")


def idx(path: Path, *size: int, values: bytes) -> None:
    """A gzipped file of bytes in this many dimensions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(struct.pack(f">4B{len(size)}I", 0, 0, 8, len(size), *size) + values))


def fashion_mnist(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Photographs of noise, the first pixel of each of which is its number."""
    for file, labels in (("train", [9, 0, 3, 3]), ("t10k", [8, 1, 0])):
        rng = np.random.default_rng(len(labels))
        pixels = rng.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        pixels[:, 0, 0] = np.arange(len(labels))
        idx(root / CLOTHES / f"{file}-images-idx3-ubyte.gz", len(labels), 28, 28, values=pixels.tobytes())
        idx(root / CLOTHES / f"{file}-labels-idx1-ubyte.gz", len(labels), values=bytes(labels))


def array_of_one(path: Path, content: Any) -> None:
    """An array of one object as an old numpy for Python 2 wrote it, whose modules had other names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.empty((), dtype=object)
    array[()] = content
    pickled = pickle.dumps(array, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(pickled)


def recordings() -> dict[str, Any]:
    """Six recordings of five subjects; step n of axis a of a recording is 10 n + a."""
    lengths = (200, 399, 199, 450, 300, 200)  # so 1, 2, 0, 3, 2 and 1 windows
    return {
        "X": [10 * np.arange(length)[:, None] + np.arange(6.0) for length in lengths],
        "X_labels": ["ax", "ay", "az", "wx", "wy", "wz"],
        "y": np.array([6, 2, 1, 0, 5, 4]),
        "y_labels": ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"],
        "subject": np.array([7, 2, 2, 1, 10, 9]),
        "side": np.ones(6),
    }


def watch(root: Path, patch: pytest.MonkeyPatch) -> None:
    array_of_one(root / WATCH, recordings())


def utterance(steps: int, speaker: int) -> str:
    """Coefficient c at step s is c + s / 100."""
    rows = [",".join(f"{row + step / 100:.2f}" for step in range(steps)) for row in range(12)]
    return ":".join([*rows, f"{speaker}\n"])


def japanese_vowels(root: Path, patch: pytest.MonkeyPatch) -> None:
    folder = root / VOWELS
    folder.mkdir(parents=True)
    head = "#A comment: with colons\n@problemName JapaneseVowels\n@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n"
    for part, lines in (("TRAIN", [utterance(7, 9), utterance(29, 1)]), ("TEST", [utterance(30, 4)])):
        (folder / f"JapaneseVowels_{part}.ts").write_text(head + "".join(lines))


# Number 3 is undecided, so number 6 is the fifth text; number 9 says the same as it.
RATED = [
    (1, 2.5, "A film of great beauty."),
    (2, -1.5, "A film of great length."),
    (3, 0.5, "A film."),
    (4, 0.533, "Great fun, &amp; short."),
    (5, -3.0, "Two hours of my life…"),
    (6, 3.0, "Fun for the whole family"),
    (7, -0.6, "Not fun."),
    (8, 1.0, "Good enough"),
    (9, 2.0, "FUN for the  whole family"),
    (10, -2.0, "It's a mess"),
]


def sentences(path: Path, rated: list[tuple[int, float, str]]) -> None:
    """The archive of the study, with a file that is not read beside the one that is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\r\n".join(f"{number}\t{rating}\t{sentence}" for number, rating, sentence in rated)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("tweets", "1\t1.0\ta tweet"), ("movieReviewSnippets", text)):
            one = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            one.size = len(content.encode())
            archive.addfile(one, io.BytesIO(content.encode()))


def sentiment(root: Path, patch: pytest.MonkeyPatch) -> None:
    sentences(root / SENTENCES, RATED)


LAYOUTS = {
    "fashion_mnist": Layout(
        write=fashion_mnist,
        targets={"train": [9, 0, 3, 3], "test": [8, 1, 0]},
        broken=str(CLOTHES / "t10k-images-idx3-ubyte.gz"),
    ),
    "watch": Layout(  # subjects 7, 9 and 10 are held out
        write=watch,
        targets={"train": [2, 2, 0, 0, 0], "test": [6, 5, 5, 4]},
        broken=str(WATCH),
        values=(None,),
    ),
    "japanese_vowels": Layout(
        write=japanese_vowels,
        targets={"train": [8, 0], "test": [3]},
        broken=str(VOWELS / "JapaneseVowels_TEST.ts"),
        values=(None,),
    ),
    "sentiment": Layout(
        write=sentiment,
        targets={"train": [1, 0, 1, 0, 0, 1, 0], "test": [1, 1]},
        broken=str(SENTENCES),
        values=((0, 4095),),
    ),
}
