"""spec: a sample's description checks itself, answers the same questions for every kind, and survives JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from randquant.errors import UserError
from randquant.spec import Grid, Spec, Table, Target, Tokens

INPUTS = [
    Grid(52, (320,), (5,)),
    Grid(3, (224, 224), (16, 16)),
    Grid(1, (8, 6, 4), (4, 3, 2)),
    Tokens(100, 12, padding=0),
    Tokens(100, 12),
    Table(3, (4, 2), limits=((0, 1), (-1.5, 2), (0, 9))),
    Table(2),
]


@pytest.mark.parametrize("one", INPUTS, ids=repr)
def test_json_round_trip(one: Grid | Tokens | Table) -> None:
    spec = Spec((one, Tokens(7, 3)), Target("multilabel", 5))
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert Spec.from_dict(json.loads(json.dumps(Spec((one,)).to_dict()))) == Spec((one,))


@pytest.mark.parametrize(
    ("one", "tokens", "shape", "channels", "size"),
    [
        (INPUTS[0], 64, (52, 320), 52, (320,)),
        (INPUTS[1], 196, (3, 224, 224), 3, (224, 224)),
        (INPUTS[2], 8, (1, 8, 6, 4), 1, (8, 6, 4)),
        (INPUTS[3], 12, (12,), 0, ()),
        (INPUTS[5], 5, (5,), 3, ()),
    ],
)
def test_every_kind_answers(
    one: Grid | Tokens | Table, tokens: int, shape: tuple[int, ...], channels: int, size: tuple[int, ...]
) -> None:
    assert (one.tokens, one.shape, one.channels, one.size) == (tokens, shape, channels, size)


def test_patch_values_and_sum_of_tokens() -> None:
    assert Grid(3, (224, 224), (16, 16)).patch_values == 768
    assert Spec((Grid(3, (224, 224), (16, 16)), Tokens(30522, 32))).tokens == 228


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Grid(0, (8,), (2,)), "channels: got 0"),
        (lambda: Grid(1, (8, 8), (2, 3)), r"patch: got \(2, 3\)"),
        (lambda: Grid(1, (8, 8), (2,)), r"patch: got \(2,\)"),
        (lambda: Grid(1, (8,) * 4, (2,) * 4), "1, 2 or 3 dimensions"),
        (lambda: Grid(1, (), ()), "size: got"),
        (lambda: Tokens(0, 4), "vocabulary: got 0"),
        (lambda: Tokens(4, 0), "length: got 0"),
        (lambda: Tokens(4, 4, padding=4), "padding: got 4"),
        (lambda: Table(0), "columns: got 0"),
        (lambda: Table(-1, (3, 3)), "columns: got -1"),
        (lambda: Table(1, (0,)), "categories: got 0"),
        (lambda: Table(2, limits=((0, 1),)), "limits: got 1 pairs"),
        (lambda: Table(1, limits=((2, 1),)), "limits: got"),
        (lambda: Target("classes", 3), "kind: got 'classes'"),  # type: ignore[arg-type]
        (lambda: Target("class", 0), "size: got 0"),
        (lambda: Spec(()), "inputs: got none"),
        (lambda: Spec.from_dict({"inputs": [{"kind": "sound"}]}), "kind: got 'sound'"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(make: object, names: str) -> None:
    with pytest.raises(UserError, match=names) as caught:
        make()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_no_torch_is_loaded() -> None:
    code = "import sys, randquant.spec, randquant.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
