"""Two processes under torchrun train what one trains, and go on where one stopped; what only the whole loop can show.

The methods themselves are compared in test_world.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from randquant.errors import UserError
from randquant.pretrain import train
from randquant.run import Run
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings

STEPS = 20
SIZES = EncoderSettings(width=16, depth=2, heads=2, head_width=8, mlp_width=32)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def settings(out: Path, **changes: Any) -> PretrainSettings:
    """A momentum encoder, batch norms, accumulation, clipping: what processes could disagree on."""
    plain: dict[str, Any] = {"steps": STEPS, "batch": 100, "accumulate": 2, "log_every": 1, "watch_every": 10}
    return PretrainSettings(
        data="digits",
        method="crop+rq+mocov3",
        out=out,
        encoder=SIZES,
        method_details=MethodSettings(hidden=32, projection=16, momentum=0.9),
        optimizer="sgd",
        learning_rate=0.05,
        clip=5.0,
        device="cpu",
        quiet=True,
        **{**plain, **changes},
    )


def start(given: PretrainSettings, tmp_path: Path) -> subprocess.Popen[str]:
    """The same settings in two processes."""
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(given.to_dict()))
    code = (
        "import json, sys; from randquant.pretrain import train; from randquant.settings import PretrainSettings;"
        "train(PretrainSettings.from_dict(json.loads(open(sys.argv[1]).read())))"
    )
    script = tmp_path / "training.py"
    script.write_text(f'if __name__ == "__main__":\n    {code}\n')
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*TORCHRUN, str(script), str(file)], env=surroundings, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )


def losses(run: Run) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in run.metrics() if "loss" in line}


def assert_close(one: Run, other: Run) -> None:
    for run in (one, other):
        assert list(losses(run)) == list(range(1, STEPS + 1))
    for step, loss in losses(one).items():
        assert losses(other)[step] == pytest.approx(loss, abs=1e-5), f"step {step}"
    left, right = one.encoder().state_dict(), other.encoder().state_dict()
    for name, weight in left.items():
        torch.testing.assert_close(right[name], weight, rtol=0, atol=1e-5)


def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """Stopped by SIGTERM on the way, and resumed by one process."""
    whole = train(settings(tmp_path / "one"))
    given = settings(tmp_path / "two", steps=STEPS)
    process = start(given, tmp_path)
    lines, patience = given.out / "metrics.jsonl", time.monotonic() + 120
    while not (lines.exists() and lines.read_text().count('"loss"') > 3) and time.monotonic() < patience:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    stopped = Run.open(given.out)
    assert stopped.metrics(), said
    if len(losses(stopped)) < STEPS:
        assert said.count("interrupted after step") == 1, said
    assert_close(train(replace(given, resume=True)), whole)


@pytest.mark.parametrize("batch", [101, 2])
def test_a_batch_that_cannot_be_shared_out(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"^batch: got {batch} for 2 processes, must be a multiple of that, and 2 each"):
        train(settings(tmp_path / "odd", batch=batch))
    assert not (tmp_path / "odd").exists()
