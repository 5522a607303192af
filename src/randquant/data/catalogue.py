"""A name or a path in, a data set out; one visible line for each file that reads some."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Any

from randquant.data import digits
from randquant.data.batch import Dataset
from randquant.data.cache import cached
from randquant.data.dabs import (
    aircraft,
    audio_mnist,
    chestxray8,
    chexpert,
    cifar10,
    cu_birds,
    dtd,
    fluent,
    glue,
    google_speech,
    imagenet,
    librispeech,
    mc4,
    mscoco,
    pamap2,
    paws,
    traffic_sign,
    vgg_flower,
    vocabularies,
    voxceleb1,
    vqa,
    wikitext103,
)
from randquant.data.entry import Entry
from randquant.data.mini import (
    clipart,
    emoji,
    emoji_category,
    fashion_mnist,
    help_pages,
    japanese_vowels,
    sentiment,
    shape_questions,
    speaker,
    spoken_article,
    watch,
    xray_shapes,
)
from randquant.data.own import may_be_path, open_path
from randquant.data.packed import path_of, reader_of, unpack
from randquant.data.root import data_root
from randquant.errors import UserError
from randquant.settings import ReadingSettings

MODULES = (
    imagenet,
    cifar10,
    cu_birds,
    vgg_flower,
    dtd,
    traffic_sign,
    aircraft,
    librispeech,
    voxceleb1,
    audio_mnist,
    google_speech,
    fluent,
    vocabularies,
    wikitext103,
    glue,
    mc4,
    paws,
    pamap2,
    chexpert,
    chestxray8,
    mscoco,
    vqa,
    digits,
    fashion_mnist,
    emoji_category,
    clipart,
    spoken_article,
    speaker,
    japanese_vowels,
    sentiment,
    help_pages,
    watch,
    emoji,
    xray_shapes,
    shape_questions,
)
DATASETS: dict[str, Entry] = {entry.name: entry for module in MODULES for entry in module.ENTRIES}
_OF_PATHS = ("holdout", *(field.name for field in dataclasses.fields(ReadingSettings)))


def find_entry(name: str) -> Entry:
    """The line of the catalogue that has this name.

    Raises:
        UserError: there is none.
    """
    if name not in DATASETS:
        near = "".join(f"; did you mean {match}?" for match in difflib.get_close_matches(name, DATASETS, n=1))
        raise UserError(f"data: {name!r} is not in the catalogue, and no path{near} (randquant data list)")
    return DATASETS[name]


def is_path(name: str) -> bool:
    """Whether `open_data` takes a name for a path: it can be one, and no data set of the catalogue has it."""
    return name not in DATASETS and may_be_path(name)


def open_data(name: str, *, faithful: bool = False, cache: bool = True, **choices: Any) -> Dataset:
    """Open a data set of the catalogue, or a path of your own.

    Args:
        name: in the catalogue, or else a path; ./digits is always a path.
        faithful: keep the errors of the benchmark's own code in, where published figures depend on them.
        cache: decode every sample once, and read what was decoded from then on.
        choices: how a path is read, as `open_path` takes it; the catalogue needs none.

    Raises:
        UserError: the name is neither in the catalogue nor a path, files are missing, or one of them is broken; or
            the benchmark's errors are asked for, and it is no set of the benchmark.
    """
    if faithful and (is_path(name) or not find_entry(name).of_benchmark):
        raise UserError(f"dabs_faithful: {name} is no data set of the DABS benchmark, whose errors it keeps")
    if is_path(name):
        return open_path(name, **choices)
    entry = find_entry(name)
    asked = [choice for choice, value in choices.items() if choice in _OF_PATHS and value]
    if asked:
        raise UserError(f"{asked[0]}: {name} is in the catalogue, which knows how it is read; this is for paths")
    if entry.read is None:
        raise UserError(f"data: {name} holds files that other data sets need, and no samples")
    packed = path_of(name, data_root())
    if packed.is_file() and not faithful:
        return unpack(packed, reader_of(entry))
    dataset = entry.read(entry, data_root(), faithful)
    return cached(dataset, data_root() / "decoded", faithful=faithful) if cache else dataset
