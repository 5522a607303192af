"""Nothing in, the time of randquant's loop beside a bare one of the same arithmetic out."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from paired import Rounds, in_turn
from torch import Tensor

from randquant.data import open_data
from randquant.encoder import make_encoder
from randquant.methods import make_method
from randquant.pretrain import pretrain
from randquant.quantize.draw import Draws, torch_seed
from randquant.settings import EncoderSettings, MethodSettings

_BATCH = 128
_RATE = 2e-3
_WARM = 5  # steps before the clock starts: threads, kernels, first pages


@dataclass(frozen=True)
class Trained:
    """A training of some steps: seconds from the end of the warm steps on, and the weights at the end."""

    seconds: float
    weights: dict[str, Tensor]


def loop_to_bare(rounds: int, steps: int) -> Rounds:
    """Seconds of steps in randquant's loop and in a bare one, RQ on digits, once their weights are the same.

    The loop is as `randquant pretrain` has it: metrics, watching, saved states, the progress line. The bare one is what
    a reader would write: pick rows, call the method, step.
    """
    ours, bare = loop(steps), bare_loop(steps)
    if any(not torch.equal(ours.weights[name], value) for name, value in bare.weights.items()):
        sys.exit("training.py: error: the two loops end with other weights; nothing is timed")
    return in_turn(lambda: loop(steps).seconds, lambda: bare_loop(steps).seconds, rounds)


def loop(steps: int) -> Trained:
    """Through `pretrain`, the start of the run and its last state left out of the time."""
    with tempfile.TemporaryDirectory() as folder:
        run = pretrain(
            "digits", out=Path(folder) / "run", steps=steps, batch=_BATCH, learning_rate=_RATE, schedule="constant",
            warmup=0.0, log_every=1, device="cpu",
        )  # fmt: skip
        lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
        times = {line["step"]: line["seconds"] for line in lines if "seconds" in line}
        weights = {name: value.clone() for name, value in run.encoder().state_dict().items()}
    return Trained(times[steps] - times[_WARM], weights)


def bare_loop(steps: int) -> Trained:
    """The same arithmetic in fifteen lines."""
    dataset = open_data("digits")
    train = dataset.held("train")
    encoder = make_encoder(dataset.spec, EncoderSettings(), 0)
    torch.manual_seed(torch_seed(0, "method"))
    method = make_method("rq", encoder, MethodSettings())
    groups = [{"params": list(encoder.parameters())}, *method.parameter_groups()]  # type: ignore[operator]
    optimizer = torch.optim.AdamW(groups, lr=_RATE, weight_decay=1e-4)
    step, started = 0, 0.0
    for epoch in range(steps):
        order = Draws(0, epoch, train.ids).permutation("order")
        for rows in order[: len(order) // _BATCH * _BATCH].split(_BATCH):  # type: ignore[no-untyped-call]
            if step == steps:
                return Trained(time.perf_counter() - started, encoder.state_dict())
            batch = train.take(rows)
            method(encoder, batch, Draws(0, epoch, batch.ids), 0.0).value.backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step == _WARM:
                started = time.perf_counter()
    return Trained(time.perf_counter() - started, encoder.state_dict())
