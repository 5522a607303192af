"""Fluent Speech Commands in; spoken orders to a smart home out, of which a place, an action or an object is told.

Source: L. Lugosch et al., "Speech Model Pre-Training for End-to-End Spoken Language Understanding", Interspeech 2019.
"""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.sound import ENDS, GRID, PADDING, numbered, parts
from randquant.data.entry import Entry
from randquant.data.present import folder_of, reading
from randquant.spec import Spec, Target

_FOLDER = "fluent_speech_commands_dataset"
_TRAIN, _TEST = ("data/train_data.csv", "data/valid_data.csv"), "data/test_data.csv"
_SCALE = (-31.809, 13.127)
# fmt: off
_CLASSES = {
    "location": ("none", "kitchen", "bedroom", "washroom"),
    "action": ("change language", "activate", "deactivate", "increase", "decrease", "bring"),
    "object": ("none", "music", "lights", "volume", "heat", "lamp", "newspaper", "juice", "socks", "shoes", "Chinese",
               "Korean", "English", "German"),
}
# fmt: on


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official tables: 26,250 utterances to train on, 3,793 of other speakers to test on."""
    folder = folder_of(entry, root, *(f"{_FOLDER}/{table}" for table in (*_TRAIN, _TEST))) / _FOLDER
    column = entry.name.removeprefix("fluent_")
    classes = _CLASSES[column]
    names: list[str] = []
    speakers, labels, training = [], [], 0
    for table in (*_TRAIN, _TEST):
        training = len(names)  # at last: before the test table
        with reading(folder / table), (folder / table).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                names.append(row["path"])
                speakers.append(row["speakerId"])
                labels.append(classes.index(row[column]))
    train = torch.arange(len(names)) < training
    found = parts(folder, names, train, torch.tensor(labels), _SCALE, faithful, groups=numbered(speakers))
    return entry.dataset(Spec((GRID,), Target("class", len(classes))), found, classes)


ENTRIES = tuple(
    Entry(
        name=f"fluent_{column}",
        title=f"Fluent {column.title()}s",
        domain="speech",
        roles=("transfer",),
        read=read,
        folder="fluent",
        layout=f"{_FOLDER}/{{data/{{train,valid,test}}_data.csv, wavs/speakers/<speaker>/*.wav}}",
        size="30k clips",
        licence="registration; academic only",
        obtain="from fluent.ai by its form, or from a copy of the original clips (some hold recoded ones); the "
        "published direct address is presumed dead",
        differences=(PADDING,),
        remaining=(ENDS,),
    )
    for column in _CLASSES
)
