"""data: every data set of the catalogue keeps the contract; the digits are the ones they should be."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from randquant.data import open_data
from randquant.errors import UserError


def test_digits_are_scikit_learns_in_stratified_halves() -> None:
    digits = open_data("digits")
    pixels, labels = load_digits(return_X_y=True)
    train, test = digits.parts["train"], digits.parts["test"]
    assert len(train.ids) + len(test.ids) == len(labels) == 1797
    for part in (train, test):
        assert part.inputs[0].dtype == torch.float32
        torch.testing.assert_close(part.inputs[0].flatten(1) * 16, torch.from_numpy(pixels).float()[part.ids])
        assert part.target is not None
        assert part.target.tolist() == labels[part.ids].tolist()
    assert train.inputs[0].max() == 1
    assert train.target is not None
    assert test.target is not None
    counts = train.target.bincount() - test.target.bincount()
    assert set(counts.tolist()) <= {0, 1}
    # Golden: figures are only comparable while the halves stay these.
    assert train.ids[:8].tolist() == [0, 3, 4, 5, 6, 8, 9, 11]


def test_take_keeps_rows_together() -> None:
    train = open_data("digits").parts["train"]
    assert train.target is not None
    rows = torch.tensor([5, 0, 5])
    taken = train.take(rows)
    assert taken.target is not None
    assert taken.ids.tolist() == train.ids[rows].tolist()
    assert taken.target.tolist() == train.target[rows].tolist()
    assert torch.equal(taken.inputs[0], train.inputs[0][rows])
    assert train._replace(target=None).take(slice(3)).target is None


def test_an_unknown_name_is_one_line_with_a_known_one() -> None:
    with pytest.raises(
        UserError, match=r"^data: 'digit' is not in the catalogue, and no path; did you mean digits\? \(.*list\)$"
    ):
        open_data("digit")
