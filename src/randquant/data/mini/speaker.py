"""Asterisk's spoken prompts in five languages in; clips of two seconds, by who speaks, out.

The task is to tell four voices apart. Each was recorded at its own place and time, and all but one speak one language
only, so the class is at once the speaker, the channel and, mostly, the language: it is speaker and channel
identification, of voices that stand in both parts, and a good figure says nothing about other recordings. One voice
speaks English and Spanish. Only prompts that all five packages have are taken, without silence, tones and monkeys, so
that what is said tells nothing. A prompt is one group in all languages; every fifth is for testing, in the order of
their names.

Source: the core sounds of the Asterisk project; voices of A. Smith, J. Wallack, C. Flora and ivrvoice.ru. English,
Spanish and French are under CC BY-SA 3.0, Italian and Russian under CC BY 3.0.
"""

from __future__ import annotations

from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.entry import Entry, Package
from randquant.data.items import Items
from randquant.data.mini.spectrogram import GRID, Clips
from randquant.data.present import folder_of
from randquant.errors import UserError
from randquant.spec import Spec, Target

_FOLDER = "usr/share/asterisk/sounds"
_VOICES = {  # by folder: a language, a country, female or male, a voice
    "en_US_f_Allison": "Allison",
    "es_MX_f_Allison": "Allison",
    "fr_CA_f_June": "June",
    "it_IT_m_Carlo": "Carlo",
    "ru_RU_f_IvrvoiceRU": "IvrvoiceRU",
}
_WORDS = tuple(dict.fromkeys(_VOICES.values()))
_SPEECHLESS = {
    *("ascending-2tone", "descending-2tone", "beep", "beeperr"),
    *("confbridge-join", "confbridge-leave", "tt-monkeys"),
    *(f"silence/{seconds}" for seconds in range(1, 11)),
}
_KEPT = 2.048  # seconds
_TESTED = 5  # one prompt of so many
SPEC = Spec((GRID,), Target("class", len(_WORDS)))


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """Spectrograms of the first two seconds, from where the voice begins; the five of a prompt side by side."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{voice}" for voice in _VOICES)) / _FOLDER
    found = [{str(path.relative_to(folder / one)) for path in (folder / one).rglob("*.wav")} for one in _VOICES]
    prompts = sorted(set.intersection(*found) - {f"{name}.wav" for name in _SPEECHLESS})
    if len(prompts) < _TESTED:
        raise UserError(f"data: {folder} must hold {_TESTED} prompts or more that stand in every one of its folders")
    paths = [folder / voice / prompt for prompt in prompts for voice in _VOICES]
    target = torch.tensor([_WORDS.index(voice) for voice in _VOICES.values()]).repeat(len(prompts))
    groups = torch.arange(len(prompts)).repeat_interleave(len(_VOICES))
    testing = groups % _TESTED == _TESTED - 1
    parts = {}
    for part, chosen in (("train", ~testing), ("test", testing)):
        ids = chosen.nonzero().squeeze(1)
        parts[part] = Items(ids, Clips([paths[number] for number in ids.tolist()], _KEPT), target[ids], groups[ids])
    return entry.dataset(SPEC, parts, _WORDS)


def _package(language: str, sha256: str) -> Package:
    (folder,) = (one for one in _VOICES if one.startswith(language))
    name = f"asterisk-core-sounds-{language}-wav"
    return Package("apt", name, "1.6.1-1", sha256, (f"{_FOLDER}/{folder}/**/*.wav",))


ENTRIES = (
    Entry(
        name="speaker",
        title="Voices of telephone prompts",
        domain="speech",
        roles=("mini",),
        read=read,
        folder="mini/speaker",
        layout=f"{_FOLDER}/{{{', '.join(_VOICES)}}}/**/*.wav",
        size="98 MB",
        licence="CC BY-SA 3.0, CC BY 3.0",
        packages=(
            _package("en", "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d"),
            _package("es", "9283a09a6d56fccdcc2bcfe86c48f0f844289cfbd46a3184d8785a6f7f569903"),
            _package("fr", "8d4e1bc32ed5ba7fbda40841ca1825ed20cc6232724a473c90f8bb0e53e6073e"),
            _package("it", "5a26638089e134b8ac39363fe249c5c93c50cd8bfdc9b2499ae61ec4a35e2fcb"),
            _package("ru", "ccbfaebfa450b7a9ddf644ae0f3d1e9017d5df7c0aebe816e946345589d38201"),
        ),
        batch=128,
    ),
)
