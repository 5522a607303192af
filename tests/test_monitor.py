"""monitor: looks at the training part alone, sees what is there to see, and refuses in one line."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from randquant.data import Batch, Dataset, open_data
from randquant.encoder import ForeignEncoder, make_encoder
from randquant.errors import UserError
from randquant.pretrain.monitor import check_labels, monitor
from randquant.spec import Grid, Spec, Target
from samples import SMALL

DIGITS = open_data("digits")


class Flat(nn.Module):
    """Features are the pixels, or one constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) * self.scale + 1


def test_pixels_can_be_read_and_a_constant_cannot() -> None:
    few = DIGITS.held("train").take(torch.arange(2)).inputs
    seen, blind = (monitor(ForeignEncoder(Flat(scale), DIGITS.spec, few), DIGITS, seed=0) for scale in (1.0, 0.0))
    assert seen["monitor"] == "digits"
    assert seen["linear_accuracy"] > 0.9
    assert seen["knn_accuracy"] > 0.8
    assert blind["linear_accuracy"] < 0.2
    assert blind["knn_accuracy"] < 0.2


def test_features_that_are_no_numbers_are_counted() -> None:
    few = DIGITS.held("train").take(torch.arange(2)).inputs
    encoder = ForeignEncoder(Flat(torch.nan), DIGITS.spec, few)
    assert monitor(encoder, DIGITS, seed=0) == {"monitor": "digits", "not_finite": len(DIGITS.held("train").ids)}


def test_the_test_part_is_never_looked_at() -> None:
    encoder = make_encoder(DIGITS.spec, SMALL, seed=0).train()
    alone = dataclasses.replace(DIGITS, parts={"train": DIGITS.held("train")})
    found = monitor(encoder, DIGITS, seed=0)
    assert found == monitor(encoder, alone, seed=0)
    assert encoder.training
    assert found != monitor(encoder, DIGITS, seed=1)


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
            check_labels(Dataset("mine", spec, {"train": samples}), DIGITS.spec, seed=0)
    check_labels(DIGITS, DIGITS.spec, seed=0)
