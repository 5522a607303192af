"""SIGKILL at some step, then resume: the same bits as an uninterrupted training, for every kind of state."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from asked import KILLS
from killed import differing, kill_and_resume, stored_digits
from randquant.methods import METHODS, PARTNERS, settings_of
from randquant.pretrain import train
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings
from samples import SMALL

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"method": "rq", "schedule": "constant"},
    "momentum encoder, LARS": {"method": "crop+rq+mocov3", "optimizer": "lars", "learning_rate": 0.3},
    "batch norm, SGD, accumulated": {"method": "rq+simsiam", "optimizer": "sgd", "accumulate": 2, "decay": "matrices"},
    "read by workers": {"method": "rq", "workers": 1},
}


def settings(out: Path, **changes: Any) -> PretrainSettings:
    """3 batches an epoch, dropout on, a state every 4 steps."""
    plain: dict[str, Any] = {"steps": 24, "batch": 300, "save_every": 4, "log_every": 1, "watch_every": 1000}
    return PretrainSettings(
        data="digits",
        out=out,
        encoder=SMALL,
        method_details=MethodSettings(hidden=16, projection=8).only(settings_of(changes["method"])),
        device="cpu",
        quiet=True,
        **{**plain, **changes},
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed_equals_uninterrupted(kind: str, tmp_path: Path) -> None:
    given = settings(tmp_path / "killed", steps=16, **KINDS[kind])
    dataset = stored_digits(tmp_path) if "workers" in kind else None
    whole = train(replace(given, out=tmp_path / "whole"), dataset)
    resumed = kill_and_resume(given, random.Random(kind).randrange(5, 9), dataset)
    assert not differing(resumed, whole)
    steps = [line["step"] for line in resumed.metrics() if "loss" in line]
    assert steps == list(range(1, 17))


# Methods that need no partner.
ALONE = ("emix", "shed", "mae", "capri", "imix")
COLOURED = ("full",)  # digits have one channel; its training is that of `rrc` and `flip` but for the numbers drawn
NAMES = [name if name in PARTNERS or name in ALONE else f"rq+{name}" for name in METHODS if name not in COLOURED]


@pytest.mark.soak
@pytest.mark.parametrize("number", range(KILLS))
def test_many_kills(number: int, tmp_path: Path) -> None:
    """Every method in turn, each killed at a random step; the encoder is larger, so that more is cut off half done."""
    sizes = EncoderSettings(width=32, depth=2, heads=2, head_width=16, mlp_width=64, dropout=0.1)
    changes = {**list(KINDS.values())[number % len(KINDS)], "method": NAMES[number % len(NAMES)], "encoder": sizes}
    encoder = changes.pop("encoder")
    given = replace(settings(tmp_path / "killed", **changes), encoder=encoder)
    dataset = stored_digits(tmp_path) if "workers" in changes else None
    whole = train(replace(given, out=tmp_path / "whole"), dataset)
    resumed = kill_and_resume(given, random.Random(number).randrange(1, 18), dataset)
    assert not differing(resumed, whole)
