"""A training that is killed at some step and resumed, beside the same one left in peace."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from randquant.data import Dataset, open_data
from randquant.pretrain import train
from randquant.run import Run
from randquant.settings import PretrainSettings
from stored import OnDisk

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["randquant.pretrain"])  # imports take seconds: once is enough
PATIENCE = 60  # seconds


def stored_digits(folder: Path) -> Dataset:
    """The digits' train half, in a file."""
    digits = open_data("digits")
    held = digits.held("train")
    path = folder / "digits.npy"
    if not path.exists():
        np.save(path, held.inputs[0].numpy())
    return dataclasses.replace(digits, parts={"train": OnDisk(path, held.ids)})


def kill_and_resume(settings: PretrainSettings, step: int, dataset: Dataset | None = None) -> Run:
    """Start a training in a process of its own, kill it once it has logged a step, and resume it here."""
    process = _CONTEXT.Process(target=_train, args=(settings, dataset))
    process.start()
    lines, started = settings.out / "metrics.jsonl", time.monotonic()
    while not (lines.exists() and lines.read_text().count('"loss"') >= step):
        assert process.is_alive(), "the training ended before it could be killed"
        assert time.monotonic() - started < PATIENCE
        time.sleep(0.002)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert Run.open(settings.out).metrics()[-1]["step"] < settings.steps
    while left := left_of(process.pid):
        assert time.monotonic() - started < PATIENCE, f"processes {left} outlive the training that was killed"
        time.sleep(0.1)
    return train(dataclasses.replace(settings, resume=True), dataset)


def left_of(session: int) -> list[int]:
    """The processes of a session that are still there: workers, and the server that forks them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def differing(one: Run, other: Run) -> list[str]:
    """The weights that are not the same bits."""
    left, right = one.encoder().state_dict(), other.encoder().state_dict()
    assert left.keys() == right.keys()
    return [name for name in left if not torch.equal(left[name], right[name])]


def _train(settings: PretrainSettings, dataset: Dataset | None) -> None:
    os.setsid()
    torch.set_num_threads(1)
    train(settings, dataset)
