"""The first files of mC4 in; web pages in seven languages in turn out, as pieces of words.

Documents are numbered through the languages: the first of each, then the second of each, and so on, in file order. A
document's file and line follow from its number and from the lines of each file, which are counted once and noted in
the folder of caches; this unpacks every file needed a first time. A process keeps one file of each language open and
goes forward in it; only where a number goes back does it start that file anew. So each worker process of a cache
unpacks all files, but splits only its own documents, which takes most of the time: of pages of 3,000 characters, on one
core, passing over one took 0.011 ms and splitting one 0.84 ms.

Source: L. Xue et al., "mT5: A Massively Multilingual Pre-trained Text-to-Text Transformer", NAACL 2021.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.dabs.vocabularies import xlm_roberta
from randquant.data.dabs.words import Words
from randquant.data.entry import Entry
from randquant.data.files import state
from randquant.data.items import Items
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.spec import Spec

LANGUAGES = ("en", "fr", "de", "zh", "es", "ja", "ko")
DOCUMENTS = {"train": 12_800_000, "test": 12_800}  # of all languages; those for training fill 100,000 batches of 128
_SUFFIXES = {"train": "", "test": "-validation"}
_BUFFER = 1 << 20  # bytes unpacked at a time


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """As many documents as the benchmark's training takes, or as the language with the fewest here allows."""
    parts = {part: [_shards(entry, root, f"c4-{one}{end}") for one in LANGUAGES] for part, end in _SUFFIXES.items()}
    words = xlm_roberta(root)
    found, first = {}, 0
    for part, languages in parts.items():
        wanted = -(-DOCUMENTS[part] // len(LANGUAGES))
        lines = [_counted(shards, wanted, root / "decoded" / "mc4-lines.json") for shards in languages]
        fewest = min(range(len(LANGUAGES)), key=lambda number: sum(lines[number]))
        count = min(DOCUMENTS[part], len(LANGUAGES) * sum(lines[fewest]))
        if not count:
            raise UserError(f"data: {languages[fewest][0]} must hold documents, but has none; fetch it again")
        shards = tuple(tuple(paths[: len(one)]) for paths, one in zip(languages, lines, strict=True))
        states = tuple(tuple(map(state, some)) for some in shards)
        found[part] = Items(first + torch.arange(count), Stream(shards, tuple(lines), words, states))
        first += DOCUMENTS[part]
    return entry.dataset(Spec((words.spec,)), found)


@dataclass(frozen=True)
class Stream:
    """Reads documents of several languages in turn; the `read` of `Items`.

    Args:
        shards: the files of each language.
        lines: how many documents each of them holds.
        words: what a document becomes.
        states: of the files, as they were counted.
    """

    shards: tuple[tuple[Path, ...], ...]
    lines: tuple[tuple[int, ...], ...]
    words: Words
    states: tuple[tuple[tuple[int, int], ...], ...]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        number, language = divmod(position, len(self.shards))
        documents = _documents(self.shards[language], self.lines[language], self.states[language])
        return (self.words(documents.text(number)),)


class _Documents:
    """The documents of one language, one of whose files is open."""

    def __init__(self, shards: tuple[Path, ...], lines: tuple[int, ...]) -> None:
        self._shards, self._starts = shards, [0, *accumulate(lines)]
        self._open: tuple[int, int, io.BufferedReader] | None = None  # file, its next line, and itself

    def text(self, number: int) -> str:
        shard = bisect_right(self._starts, number) - 1
        line = number - self._starts[shard]
        with reading(self._shards[shard]):
            place, following, file = self._open or (-1, 0, None)
            self._open = None  # until this line is read
            if file is None or place != shard or following > line:
                if file is not None:
                    file.close()
                following, file = 0, _unpacked(self._shards[shard])
            found = next(islice(file, line - following, None))
            self._open = shard, line + 1, file
            return str(json.loads(found)["text"])


@functools.lru_cache(maxsize=32)
def _documents(shards: tuple[Path, ...], lines: tuple[int, ...], states: tuple[tuple[int, int], ...]) -> _Documents:
    """Those of files in these states; files that took their places are opened anew."""
    return _Documents(shards, lines)


def _unpacked(path: Path) -> io.BufferedReader:
    return io.BufferedReader(gzip.open(path), _BUFFER)


def _shards(entry: Entry, root: Path, stem: str) -> list[Path]:
    """The files of one language and part, in order, none between them missing."""
    folder = folder_of(entry, root, "multilingual") / "multilingual"
    found = sorted(folder.glob(f"{stem}.tfrecord-*-of-*.json.gz"))
    for number in range(max(1, len(found))):
        wanted = f"{stem}.tfrecord-{number:05d}-of-"
        if not found or not found[number].name.startswith(wanted):
            raise UserError(
                f"data: {entry.name} needs {folder / wanted}*.json.gz, which is not there (randquant data get mc4)"
            )
    return found


def _counted(shards: list[Path], wanted: int, notes: Path) -> tuple[int, ...]:
    """Lines of the first files, until there are as many as wanted; counted once, then found in the notes."""
    lines: list[int] = []
    for path in shards:
        if sum(lines) >= wanted:
            break
        known = json.loads(notes.read_text()) if notes.exists() else {}
        now = list(state(path))
        if known.get(path.name, (None,))[0] != now:
            with reading(path), _unpacked(path) as file:
                known[path.name] = now, sum(block.count(b"\n") for block in iter(lambda: file.read(_BUFFER), b""))
            notes.parent.mkdir(parents=True, exist_ok=True)
            beside = notes.with_name(f"{notes.name}.part{os.getpid()}")
            beside.write_text(json.dumps(known))
            beside.replace(notes)  # whole, or not at all
        lines.append(known[path.name][1])
    return tuple(lines)


ENTRIES = (
    Entry(
        name="mc4",
        title="mC4",
        domain="multilingual_text",
        roles=("pretrain",),
        read=read,
        folder="mc4",
        layout="multilingual/c4-<language>{,-validation}.tfrecord-<number>-of-<numbers>.json.gz, of en, fr, de, zh, "
        "es, ja and ko, from number 00000 on",
        size="13M texts",
        licence="ODC-BY",
        obtain="from huggingface.co/datasets/allenai/c4: of the folder multilingual, the first files of each language, "
        "as many as hold 1,828,572 documents, and its first validation file; fewer make a smaller set",
        needs=("xlm-roberta-base",),
        batch=128,
        remaining=(
            "Documents are shuffled as those of any other set are, faithful or not; the benchmark takes them in file "
            "order, since the result of its shuffling is thrown away.",
        ),
    ),
)
