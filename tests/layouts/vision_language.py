"""The pictures with texts of the benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layouts.images import picture
from layouts.layout import Layout
from layouts.text import bert
from randquant.data.dabs import vqa as vqa_module

CAPTIONS = {
    "train2017": [(9, "An old mill."), (25, "A river."), (9, "The mill near the river."), (30, "Nothing to see.")],
    "val2017": [(12, "A valley."), (13, "The mill."), (12, "A valley with a river.")],
}
OBJECTS = {  # picture and kind; picture 7 has no caption
    "train2017": [(25, 1), (9, 90), (7, 1), (25, 90), (9, 3)],
    "val2017": [(12, 90), (12, 3)],
}
KINDS = {1: "person", 3: "car", 90: "toothbrush"}


def mscoco(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Two pictures to train on with two objects each, and one to validate on."""
    bert(root)
    folder = root / "mscoco"
    (folder / "annotations").mkdir(parents=True)
    for part in CAPTIONS:
        pictures = sorted({number for number, _ in CAPTIONS[part] + OBJECTS[part]})
        for number in pictures:
            picture(folder / part / f"{number:012d}.jpg", mode="L" if number == 9 else "RGB")
        images = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in pictures]
        captions = [
            {"id": place, "image_id": number, "caption": text} for place, (number, text) in enumerate(CAPTIONS[part])
        ]
        objects = [
            {"id": place, "image_id": number, "category_id": kind, "segmentation": [[0.5, 1.5]], "bbox": [0, 0, 1, 1]}
            for place, (number, kind) in enumerate(OBJECTS[part])
        ]
        kinds = [{"id": kind, "name": name} for kind, name in KINDS.items()]
        write(folder / f"annotations/captions_{part}.json", {"images": images, "annotations": captions})
        write(
            folder / f"annotations/instances_{part}.json",
            {"images": images, "annotations": objects, "categories": kinds},
        )


def write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content))


QUESTIONS: dict[str, list[tuple[int, int, str, str, list[str]]]] = {  # number, picture, question, answer, choices
    "train2014": [
        (10, 1, "what colour is it", "red", ["blue", "red"]),
        (11, 1, "is it big", "yes", ["no", "maybe", "never", "yes"]),
        (20, 2, "how many are there", "2", ["1", "3"]),
        (31, 3, "who is it", "man", ["man", "woman", "man"]),
        (40, 4, "where is it", "park", ["park", "street", "park"]),
        (50, 5, "when is it", "noon", ["dawn", "noon"]),
    ],
    "val2014": [
        (60, 6, "what is it", "cat", ["dog", "cat"]),
        (61, 6, "is it old", "no", ["no", "yes"]),
    ],
}
DRAWN = {  # whether a question's answer is swapped (below a half), and where the wrong one lies among the others
    10: (0.7, 0.0),
    11: (0.2, 0.9),
    20: (0.1, 0.0),
    31: (0.8, 0.3),
    40: (0.1, 0.5),
    50: (0.5, 0.1),
    60: (0.3, 0.0),
    61: (0.9, 0.0),
}


def vqa(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Six questions to train on, the third of which has an answer that cannot be chosen, and two to validate on."""
    bert(root)
    patch.setattr(vqa_module, "_drawn", lambda annotations: [DRAWN[one["question_id"]] for one in annotations])
    folder = root / "vqa"
    folder.mkdir()
    for part, rows in QUESTIONS.items():
        for _, number, _, _, _ in rows:
            picture(folder / part / f"COCO_{part}_{number:012d}.jpg")
        questions = [
            {"question_id": number, "image_id": seen, "question": text, "multiple_choices": choices}
            for number, seen, text, _, choices in reversed(rows)  # the two files need not have one order
        ]
        answers = [
            {"question_id": number, "image_id": seen, "multiple_choice_answer": answer, "answers": [{"answer": answer}]}
            for number, seen, _, answer, _ in rows
        ]
        write(folder / f"MultipleChoice_mscoco_{part}_questions.json", {"questions": questions})
        write(folder / f"mscoco_{part}_annotations.json", {"annotations": answers})


_VALUES = ((0.0, 1.0), (0.0, 30521.0))

LAYOUTS = {
    "mscoco": Layout(  # pictures 9 and 25, then 12; by the benchmark, the objects of 25, 9, 25, 9, then of 12 and 12
        write=mscoco,
        targets={"train": [1, 2], "test": [1]},
        faithful={"train": [0, 2, 2, 1], "test": [2, 1]},
        broken="mscoco/val2017/000000000012.jpg",
        values=_VALUES,
    ),
    "vqa": Layout(  # by the benchmark, 10 and 40 both show the first annotation, which a swap wrote to; 31 is lost
        write=vqa,
        targets={"train": [1, 0, 1, 0, 1], "test": [0, 1]},
        faithful={"train": [0, 0, 0, 1], "test": [0]},
        broken="vqa/train2014/COCO_train2014_000000000001.jpg",
        values=_VALUES,
    ),
}
