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

import numpy as np
import pytest
import torch

from killed import stored_digits
from randquant.pretrain import pretrain, train
from randquant.quantize.draw import Draws
from randquant.run import Run
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings
from refusing_processes import SPARE, Spare, few_digits
from two_hosts import CABLE, NoHosts, two_hosts

STEPS = 20
SIZES = EncoderSettings(width=16, depth=2, heads=2, head_width=8, mlp_width=32)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


WORDS = """--method crop+rq+mocov3 --hidden 32 --projection 16 --momentum 0.9 --width 16 --depth 2 --heads 2
    --head-width 8 --mlp-width 32 --optimizer sgd --learning-rate 0.001 --clip 5 --device cpu --quiet
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
        learning_rate=0.001,  # a ReLU that rounding flips moves no loss by 1e-5 then
        clip=5.0,
        device="cpu",
        quiet=True,
        **{**plain, **changes},
    )


def start(out: Path, folder: Path) -> subprocess.Popen[str]:
    """The same settings in two processes, as docs/training.md starts them."""
    words = ["-m", "randquant", "pretrain", "digits", "--steps", str(STEPS), "--monitors", "digits", *WORDS.split()]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*TORCHRUN, *words, "--out", str(out)], env=surroundings, stderr=subprocess.PIPE, text=True, cwd=folder
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
    given = settings(tmp_path / "two", monitors=("digits",))
    process = start(given.out, tmp_path)
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
    assert PretrainSettings.from_dict(stopped.config["settings"]) == given


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, tuple[int, str]]]]:
    """What both processes of `refusing_processes.py` returned and said, and the folder they worked in."""
    folder = tmp_path_factory.mktemp("refused")
    values = stored_digits(folder).parts["train"]
    spoilt = np.load(folder / "digits.npy")
    order = Draws(0, 0, values.ids).permutation("order")
    spoilt[order[450 + 3]] = np.nan  # the second batch of the first epoch, the part of the second process
    np.save(folder / "digits.npy", spoilt)
    done = subprocess.run(
        [*TORCHRUN, str(Path(__file__).with_name("refusing_processes.py")), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    ended = [int(code) for code in re.findall(r"exitcode +: (-?\d+)", done.stderr)]
    assert ended == [2, 2], done.stderr
    assert done.stderr.count("Traceback") == 1, done.stderr  # torchrun's own
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a method", "method: got 'bogus', must be one of"),
        ("a setting", "dropout: got 7.0, must be"),
        ("a batch", "batch: got 301 for 2 processes, must be a multiple of that"),
        ("a folder", "out: /dev/null/run cannot be written (Not a directory)"),
        ("a sample", "data: input 0 holds NaN or infinite values in 1 of 150 samples, first in the one with id"),
    ],
)
def test_two_processes_refuse_in_one_line(
    name: str, told: str, refused: tuple[Path, list[dict[str, tuple[int, str]]]]
) -> None:
    folder, (first, second) = refused
    code, said = first[name]
    assert code == 2
    assert said.startswith(f"randquant: error: {told}")
    assert said.count("\n") == 1
    assert second[name] == [2, ""]
    if name != "a sample":
        assert not (folder / name.split()[1]).exists()


def test_a_sample_that_one_process_cannot_use_costs_no_step(
    refused: tuple[Path, list[dict[str, tuple[int, str]]]],
) -> None:
    folder, both = refused
    assert [found["nothing"] for found in both] == 2 * [[0, ""]]
    run = Run.open(folder / "sample")
    assert list(losses(run)) == [1]
    (saved,) = run.path.glob("state-*.pt")
    assert saved.name == "state-000000001.pt"


def test_an_error_of_one_process_ends_the_other(refused: tuple[Path, list[dict[str, tuple[int, str]]]]) -> None:
    folder, (first, second) = refused
    assert second["one alone"] == [2, "randquant: error: encoder: it has had enough of this process\n"]
    assert first["one alone"] == [2, ""]
    assert not (folder / "alone").exists()


def test_unused_parameters_are_named_and_train_as_in_one_process(
    refused: tuple[Path, list[dict[str, tuple[int, str]]]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = Spare()
    one = pretrain(few_digits(), encoder=module, out=tmp_path / "one", **SPARE)
    assert caplog.messages == [
        "the encoder's spare.weight, spare.bias had no part in the first step, so it left them alone"
    ]
    both = Run.open(refused[0] / "spare")
    for step, loss in losses(one).items():
        assert losses(both)[step] == pytest.approx(loss, abs=1e-5), f"step {step}"
    weights = [run.encoder(Spare()).state_dict() for run in (one, both)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=1e-5)
    torch.testing.assert_close(weights[1]["module.spare.weight"], Spare().spare.weight.detach(), rtol=0, atol=0)


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch's SyncBatchNorm has no CPU path to compare with")
def test_batch_norms_are_those_of_torch_on_a_gpu() -> None:
    script = Path(__file__).parent / "batch_norms_on_gpu.py"
    done = subprocess.run([*TORCHRUN, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
