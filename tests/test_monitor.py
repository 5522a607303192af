"""monitor: looks at the training part alone, sees what is there to see, and refuses in one line."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from randquant.data import Batch, Dataset, open_data
from randquant.data.own.samples import digests
from randquant.encoder import ForeignEncoder, make_encoder
from randquant.errors import UserError
from randquant.pretrain import labelled
from randquant.pretrain.labelled import looked_at
from randquant.pretrain.monitor import monitor
from randquant.spec import Grid, Spec, Target
from samples import SMALL

DIGITS = open_data("digits")
LOOKED_AT = looked_at(DIGITS, DIGITS.spec, seed=0)


class Flat(nn.Module):
    """Features are the pixels, or one constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale + 1


def test_pixels_can_be_read_and_a_constant_cannot() -> None:
    few = DIGITS.held("train").take(torch.arange(2)).inputs
    seen, blind = (monitor(ForeignEncoder(Flat(scale), DIGITS.spec, few), LOOKED_AT, seed=0) for scale in (1.0, 0.0))
    assert seen["monitor"] == "digits"
    assert seen["linear_accuracy"] > 0.9
    assert seen["knn_accuracy"] > 0.8
    assert blind["linear_accuracy"] < 0.2
    assert blind["knn_accuracy"] < 0.2


def test_features_that_are_no_numbers_are_counted() -> None:
    few = DIGITS.held("train").take(torch.arange(2)).inputs
    encoder = ForeignEncoder(Flat(torch.nan), DIGITS.spec, few)
    assert monitor(encoder, LOOKED_AT, seed=0) == {"monitor": "digits", "not_finite": len(DIGITS.held("train").ids)}


def test_the_test_part_is_never_looked_at() -> None:
    encoder = make_encoder(DIGITS.spec, SMALL, seed=0).train()
    alone = dataclasses.replace(DIGITS, parts={"train": DIGITS.held("train")})
    found = monitor(encoder, LOOKED_AT, seed=0)
    assert found == monitor(encoder, looked_at(alone, DIGITS.spec, seed=0), seed=0)
    assert list(LOOKED_AT.parts) == ["train"]
    assert encoder.training
    assert found != monitor(encoder, LOOKED_AT, seed=1)


def test_some_of_a_large_set_are_read_and_none_that_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "SAMPLES", 300)
    samples = DIGITS.held("train")
    read: list[Tensor] = []

    class Files(NamedTuple):
        """Samples that are read as they are needed."""

        ids: Tensor
        target: Tensor | None

        def take(self, rows: Tensor) -> Batch:
            read.append(rows)
            return samples.take(rows)

    stored: Any = dataclasses.replace(DIGITS, parts={"train": Files(samples.ids, samples.target)})
    some = looked_at(stored, DIGITS.spec, seed=0).held("train")
    assert [len(one) for one in read] == [300]
    hidden = digests(some.take(torch.arange(100)))
    rest = looked_at(stored, DIGITS.spec, 0, hidden).held("train")
    assert rest.ids.tolist() == some.ids[100:].tolist()
    with pytest.raises(UserError, match=r"^monitors: digits has too few samples, without those that are held out"):
        looked_at(stored, DIGITS.spec, 0, digests(samples))


def test_what_cannot_be_tried_is_said_in_one_line() -> None:
    samples = Batch(torch.arange(4), (torch.rand(4, 1, 8, 8),), torch.tensor([0, 0, 1, 2]))
    grid = Grid(1, (8, 8), (2, 2))
    cases = {
        "no labels": Spec((grid,)),
        "a target of kind regression": Spec((grid,), Target("regression", 1)),
        "but the encoder takes": Spec((Grid(2, (8, 8), (2, 2)),), Target("class", 3)),
        "too few samples": Spec((grid,), Target("class", 3)),
    }
    for told, spec in cases.items():
        with pytest.raises(UserError, match=f"^monitors: mine has [^\n]*{told}"):
            looked_at(Dataset("mine", spec, {"train": samples}), DIGITS.spec, seed=0)
    with pytest.raises(UserError, match=r"^monitors: mine has no part named train"):
        looked_at(Dataset("mine", DIGITS.spec, {"test": samples}), DIGITS.spec, seed=0)
