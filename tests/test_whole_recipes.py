"""Whole recipes at tiny size: stopped and resumed they leave the same bits; two processes train what one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from asked import some
from folders import textures
from randquant.pretrain import loop
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.run import Run
from randquant.supervise import training
from recipes_in_processes import run

PATHS = ("mocov3-crop-rq-100", "mocov3-vit-small-full-rq-300", "supervised-rq")  # LARS, AdamW, and the other loop
EVERY = tuple(name for name, one in EXPERIMENTS.items() if one.kind != "verify")
SHORT = 6  # steps
OTHERS = tuple(name for name in EVERY if name not in PATHS)
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def stopped(name: str, data: Path, out: Path) -> None:
    """Run a recipe until it is told to stop: after some steps, or in the middle of an epoch."""
    with pytest.MonkeyPatch.context() as patched:
        if name.startswith("supervised"):
            rate = training.set_rate

            def interrupting(optimizer: Any, settings: Any, epoch: int) -> float:
                if epoch == 2:
                    raise KeyboardInterrupt
                return rate(optimizer, settings, epoch)

            patched.setattr(training, "set_rate", interrupting)
            with pytest.raises(KeyboardInterrupt):
                run(data, out, name, SHORT, 1.0)
            return
        usual = loop.set_rate

        def ending(optimizer: Any, settings: Any, step: int) -> float:
            if step == SHORT // 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return usual(optimizer, settings, step)

        patched.setattr(loop, "set_rate", ending)
        with pytest.raises(SystemExit) as ended:
            run(data, out, name, SHORT, 1.0)
        assert ended.value.code == 128 + signal.SIGTERM


def check_resumed(name: str, folder: Path) -> None:
    data = textures(folder / "data", 12, 2)
    whole = run(data, folder / "whole", name, SHORT, 1.0)
    stopped(name, data, folder / "stopped")
    resumed = folder / "stopped" / name / "run" / "encoder.safetensors"
    assert resumed.read_bytes() != (whole / "encoder.safetensors").read_bytes()
    run(data, folder / "stopped", name, SHORT, 1.0)
    assert resumed.read_bytes() == (whole / "encoder.safetensors").read_bytes()


@pytest.mark.parametrize("name", PATHS)
def test_a_recipe_that_was_stopped_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    check_resumed(name, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("name", some(OTHERS))
def test_every_recipe_that_was_stopped_goes_on_with_the_same_bits(name: str, tmp_path: Path) -> None:
    check_resumed(name, tmp_path)


@pytest.mark.soak
def test_two_processes_run_a_recipe_as_one_does(tmp_path: Path) -> None:
    """In one launch."""
    names = some(EVERY)
    data = textures(tmp_path / "data", 12, 2)
    script = str(Path(__file__).with_name("recipes_in_processes.py"))
    done = subprocess.run(
        [*TORCHRUN, script, str(data), str(tmp_path / "two"), *names],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in names:
        one, two = Run.open(run(data, tmp_path / "one", name, normed=False)), Run.open(tmp_path / "two" / name / "run")
        losses = [[line["loss"] for line in each.metrics() if "loss" in line][:5] for each in (one, two)]
        assert len(losses[0]) == 5
        assert losses[1] == pytest.approx(losses[0], rel=1e-5, abs=2e-5), name
        weights = [
            torch.cat([value.double().flatten() for value in each.encoder().state_dict().values()])
            for each in (one, two)
        ]
        apart = float((weights[0] - weights[1]).norm() / weights[0].norm())
        assert apart < 2e-3, name  # rounding grows tenfold in five steps; the first losses look closer
