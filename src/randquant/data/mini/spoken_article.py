"""The spoken names of Tux Paint's stamps in; short clips in four languages, with or without "un" as first word, out.

The task is to hear whether a clip begins with "un" or with another article, such as "una", "une", "o" or "la", in
Catalan, Spanish, French and Romanian. What the first word is, is taken from the written name, not from the recording.
The speakers are few and the same in both parts: it is not about new speakers. Clips of the same content stand here
once, clips of more than 4 seconds or of telephone quality not at all. A stamp is one group in all languages; every
fifth stamp is for testing, in the order of their names.

Source: the voices of the Tux Paint project, package tuxpaint-stamps.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import numbered
from randquant.data.entry import Entry, Package
from randquant.data.items import Items
from randquant.data.mini.spectrogram import GRID, Clips, check_whole
from randquant.data.present import folder_of, reading
from randquant.libraries import library
from randquant.spec import Spec, Target

_FOLDER = "usr/share/tuxpaint/stamps"
_ARTICLES = {  # besides "un"; l stands before an apostrophe
    "ca": ("una", "uns", "unes", "el", "la", "els", "les", "l"),
    "es": ("una", "unos", "unas", "el", "la", "los", "las"),
    "fr": ("une", "des", "le", "la", "les", "l"),
    "ro": ("o", "niște"),
}
_LONGEST, _KEPT = 4.0, 1.024  # seconds
_LEAST = 16_000  # values a second
_TESTED = 5  # one stamp of so many
SPEC = Spec((GRID,), Target("class", 2))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Spectrograms of the first second, from where the voice begins."""
    folder = folder_of(entry, root, _FOLDER) / _FOLDER
    paths, stamps, labels = [], [], []
    seen = set()
    for path, stamp, label in _articles(folder):
        with reading(path):
            content = path.read_bytes()
            check_whole(content)
            digest = hashlib.sha256(content).digest()
            if digest not in seen and _fits(content):
                paths.append(path)
                stamps.append(stamp)
                labels.append(label)
        seen.add(digest)
    groups, target = numbered(stamps), torch.tensor(labels)
    testing = groups % _TESTED == _TESTED - 1
    parts = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        ids = chosen.nonzero().squeeze(1)
        parts[part] = Items(ids, Clips([paths[number] for number in ids.tolist()], _KEPT), target[ids], groups[ids])
    return entry.dataset(SPEC, parts, ("another article", "un"))


def _articles(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """Clip, stamp, and whether the first word is "un", of all whose written name begins with an article; by name."""
    for text in sorted(folder.rglob("*.txt")):
        with reading(text):
            names = dict(re.findall(r"^(\w+)\.utf8=(.*)$", text.read_text(encoding="utf-8"), re.MULTILINE))
        for language, others in _ARTICLES.items():
            clip = text.with_name(f"{text.stem}_desc_{language}.ogg")
            word = re.search(r"[^\W\d_]+", names.get(language, "").lower())
            if word is not None and word[0] in ("un", *others) and clip.exists():
                yield clip, str(text.relative_to(folder).with_suffix("")), int(word[0] == "un")


def _fits(content: bytes) -> bool:
    soundfile: Any = library("soundfile", "audio", "data")
    about = soundfile.info(io.BytesIO(content))
    return bool(about.samplerate >= _LEAST and about.duration <= _LONGEST)


ENTRIES = (
    Entry(
        name="spoken_article",
        title="Spoken articles",
        domain="speech",
        roles=("mini",),
        read=read,
        folder="mini/spoken_article",
        layout=f"{_FOLDER}/**/<stamp>.txt beside <stamp>_desc_{{ca, es, fr, ro}}.ogg",
        size="161 MB",
        licence="GPL 2",
        packages=(
            Package(
                client="apt",
                name="tuxpaint-stamps-default",
                version="2022.06.04-1",
                sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
                members=(f"{_FOLDER}/**/*.txt", *(f"{_FOLDER}/**/*_desc_{one}.ogg" for one in _ARTICLES)),
            ),
        ),
        batch=128,
    ),
)
