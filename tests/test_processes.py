"""Two processes under torchrun train what one trains, on one host and on two, and go on where one stopped.

Only the whole loop can show it; the methods themselves are compared in test_world.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
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
from two_hosts import CABLE, NoHosts, two_hosts

STEPS = 20
SIZES = EncoderSettings(width=16, depth=2, heads=2, head_width=8, mlp_width=32)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


WORDS = """--method crop+rq+mocov3 --hidden 32 --projection 16 --momentum 0.9 --width 16 --depth 2 --heads 2
    --head-width 8 --mlp-width 32 --optimizer sgd --learning-rate 0.05 --clip 5 --device cpu --quiet
    --batch 100 --accumulate 2 --log-every 1 --watch-every 10"""  # the same `settings`, as a user writes them


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


@pytest.mark.soak
def test_two_hosts_train_what_one_process_trains(tmp_path: Path) -> None:
    """The lines of docs/training.md, each on a host of its own; the first alone writes, to a disk that both see."""
    out = tmp_path / "two"
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1"),
        *("--rdzv_backend", "c10d", "--rdzv_endpoint", "first-machine:29500"),
        *("-m", "randquant", "pretrain", "digits", "--steps", str(STEPS), *WORDS.split(), "--out", str(out)),
    ]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": CABLE}
    with contextlib.ExitStack() as closing:
        try:
            hosts = closing.enter_context(two_hosts(tmp_path))
        except NoHosts as error:
            pytest.skip(f"no network namespaces here: {error}")
        processes = []
        for enter in hosts.values():
            process = subprocess.Popen(
                [*enter, *command],
                env=surroundings,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=tmp_path,
            )
            closing.callback(process.wait)
            closing.callback(process.terminate)  # a host that is left alone waits for the other
            processes.append(process)
        said = [process.communicate(timeout=240)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    ranks = [re.findall(r"GLOBAL_RANK: (\d), MEMBER: (\d)/2", text) for text in said]
    assert sorted(ranks) == [[("0", "1")], [("1", "2")]]  # one process on each
    run, one = Run.open(out), settings(tmp_path / "one")
    assert PretrainSettings.from_dict(run.config["settings"]) == replace(one, out=out)
    assert_close(run, train(one))


@pytest.mark.parametrize("batch", [101, 2])
def test_a_batch_that_cannot_be_shared_out(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"^batch: got {batch} for 2 processes, must be a multiple of that, and 2 each"):
        train(settings(tmp_path / "odd", batch=batch))
    assert not (tmp_path / "odd").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch's SyncBatchNorm has no CPU path to compare with")
def test_batch_norms_are_those_of_torch_on_a_gpu() -> None:
    script = Path(__file__).parent / "batch_norms_on_gpu.py"
    done = subprocess.run([*TORCHRUN, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
