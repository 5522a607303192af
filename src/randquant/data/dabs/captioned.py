"""Files of pictures, with texts to them, in; their pixels and the pieces of their words out.

The benchmark makes such a picture 480 wide and 640 high whatever its shape, keeps the middle 480 rows, so that an
eighth of it is lost at the top and at the bottom, and shrinks what is left to 224x224.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from randquant.data.dabs.picture import pixels
from randquant.data.dabs.words import Words
from randquant.data.files import Files
from randquant.data.present import reading

LENGTH = 32  # pieces of a text, or of a question and its answer
_WIDE, _HIGH, _LOST = 480, 640, 80


@dataclass(frozen=True)
class Captioned:
    """Reads pictures with texts; the `read` of `Items`.

    Args:
        pictures: the file of each sample.
        texts: of each sample, one or two.
        words: what the texts become.
    """

    pictures: Files
    texts: Sequence[tuple[str, ...]]
    words: Words

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        path = self.pictures[position]
        with reading(path), Image.open(path) as image:
            upright = image.convert("RGB").resize((_WIDE, _HIGH), Image.Resampling.BILINEAR)
            seen = pixels(upright, (0, _LOST, _WIDE, _HIGH - _LOST))
        return seen, self.words(*self.texts[position])


def listed(path: Path, *names: str, without: str) -> tuple[list[dict[str, Any]], ...]:
    """Lists of a JSON file by their names, no record of which keeps the field `without`: the file's bulk.

    Raises:
        UserError: the file is broken or lacks one of the lists.
    """

    def lighter(record: dict[str, Any]) -> dict[str, Any]:
        record.pop(without, None)
        return record

    with reading(path):
        content = json.loads(path.read_bytes(), object_hook=lighter)
        return tuple(content[name] for name in names)
