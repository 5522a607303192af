"""Nothing in, the published table out: 34 tasks, what each is pretrained on, and the figures of three methods.

Source: Wu et al., "Randomized Quantization: A Generic Augmentation for Data Agnostic Self-supervised Learning", ICCV
2023, supplementary table; `published.csv` beside this file holds it. Two metrics are named otherwise there than they
are computed.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

COLUMNS = ("none", "emix", "rq")  # the methods with published figures


@dataclass(frozen=True)
class Row:
    """A task of the published table; figures in percent, as printed."""

    task: str
    pretrain: str
    domain: str
    figures: dict[str, float]


@cache
def published() -> tuple[Row, ...]:
    """All rows, in the order of the table."""
    text = files("randquant.data.dabs").joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(
        Row(line["task"], line["pretrain"], line["domain"], {name: float(line[name]) for name in COLUMNS})
        for line in csv.DictReader(text.splitlines())
    )
