"""The pictures, questions and answers of VQA 1.0 in; photographs with a question and an answer out, right or wrong.

Source: S. Antol et al., "VQA: Visual Question Answering", ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from randquant.data.batch import Dataset
from randquant.data.dabs.captioned import LENGTH, Captioned, listed
from randquant.data.dabs.picture import GRID
from randquant.data.dabs.vocabularies import bert
from randquant.data.entry import Entry, Source
from randquant.data.files import Files
from randquant.data.items import Items
from randquant.data.present import folder_of, reading
from randquant.errors import UserError
from randquant.quantize.draw import Draws
from randquant.spec import Spec, Target

_PARTS = {"train": "train2014", "test": "val2014"}


class _Sample(NamedTuple):
    number: int  # of the question that it was made from
    picture: int
    question: str
    answer: str
    right: bool


def read(entry: Entry, root: Path, faithful: bool) -> Dataset:
    """The official training and validation questions; to every other one, by a draw, a wrong choice as its answer."""
    tables = {
        part: (f"MultipleChoice_mscoco_{name}_questions.json", f"mscoco_{name}_annotations.json")
        for part, name in _PARTS.items()
    }
    folder = folder_of(entry, root, *(one for pair in tables.values() for one in pair), *_PARTS.values())
    words, target = bert(root, LENGTH), Target("binary", 1)
    parts = {}
    for part, name in _PARTS.items():
        asked, answered = (folder / table for table in tables[part])
        (questions,) = listed(asked, "questions", without="image_id")
        (annotations,) = listed(answered, "annotations", without="answers")
        with reading(asked):
            known = {one["question_id"]: (one["question"], one["multiple_choices"]) for one in questions}
        with reading(answered):
            samples = list((_by_position if faithful else _by_question)(annotations, known))
        if not samples:
            raise UserError(f"data: {answered} must hold answers that can be chosen, but has none; fetch it again")
        names = [f"COCO_{name}_{one.picture:012d}.jpg".encode() for one in samples]
        texts = [(one.question, one.answer) for one in samples]
        parts[part] = Items(
            torch.tensor([one.number for one in samples]),
            Captioned(Files(folder / name, np.array(names)), texts, words),
            torch.tensor([float(one.right) for one in samples]),
            torch.tensor([one.picture for one in samples]),
        )
    return entry.dataset(Spec((GRID, words.spec), target), parts)


_Known = dict[int, tuple[str, list[str]]]  # a question and its choices, by its number


def _by_question(annotations: list[dict[str, Any]], known: _Known) -> Iterator[_Sample]:
    """A sample for each question whose answer is among its choices."""
    for annotation, (coin, place) in zip(annotations, _drawn(annotations), strict=True):
        number, answer = annotation["question_id"], annotation["multiple_choice_answer"]
        question, choices = known[number]
        others = [choice for choice in choices if choice != answer]
        if not others or len(others) == len(choices):
            continue
        right = coin >= 0.5
        yield _Sample(
            number,
            annotation["image_id"],
            question,
            answer if right else others[int(place * len(others))],
            right,
        )


def _by_position(annotations: list[dict[str, Any]], known: _Known) -> Iterator[_Sample]:
    """What the benchmark made before September 2022, whose loop lost its own index.

    A swap should give the question at hand a wrong answer. It went to that annotation, from the file's start, whose
    place is the right answer's place among the choices, and this annotation stood in for the question from then on. So
    all wrong answers belong to the few first annotations, each of which shows what the last swap wrote there.
    """
    answers = [annotation["multiple_choice_answer"] for annotation in annotations]
    right = [True] * len(annotations)
    shown = []  # for each sample, the annotation whose question made it, and the one that it shows
    for index, (coin, place) in enumerate(_drawn(annotations)):
        choices = list(known[annotations[index]["question_id"]][1])
        if answers[index] not in choices:
            continue
        instead = index
        if coin < 0.5:
            instead = choices.index(answers[index])
            choices.pop(instead)
            answers[instead] = choices[int(place * len(choices))]
        right[instead] = coin >= 0.5
        shown.append((index, instead))
    for index, instead in shown:
        number, seen = annotations[index]["question_id"], annotations[instead]
        yield _Sample(number, seen["image_id"], known[seen["question_id"]][0], answers[instead], right[instead])


def _drawn(annotations: list[dict[str, Any]]) -> list[list[float]]:
    """Two uniform numbers for each question, keyed by its number: whether its answer is swapped, and for which."""
    questions = torch.tensor([annotation["question_id"] for annotation in annotations], dtype=torch.int64)
    return Draws(0, 0, questions).uniform("swap", 2).double().tolist()


ENTRIES = (
    Entry(
        name="vqa",
        title="VQA",
        domain="vision_language",
        roles=("transfer",),
        read=read,
        folder="vqa",
        layout="{train2014,val2014}/*.jpg, mscoco_{train,val}2014_annotations.json and "
        "MultipleChoice_mscoco_{train,val}2014_questions.json",
        size="19 GB",
        licence="free; the terms of Flickr",
        obtain="from visualqa.org, version 1.0: the annotations and questions of both parts; unpack all here",
        sources=(
            Source(
                "http://images.cocodataset.org/zips/train2014.zip",
                sha256="ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
            ),
            Source(
                "http://images.cocodataset.org/zips/val2014.zip",
                sha256="fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0",
            ),
        ),
        needs=("bert-base-uncased",),
        differences=(
            "A swapped answer belongs to the question that it was drawn for; in the benchmark's code before September "
            "2022, with which the published figures were made, all swaps are written to the first few questions of a "
            "part, which make up half of it.",
            "All copies of the right answer are taken from the choices before a wrong one is drawn; the benchmark took "
            "the first alone.",
            "Swaps are drawn by the number of the question; the benchmark's come from a generator that nothing seeds "
            "for it, and cannot be repeated.",
        ),
    ),
)
