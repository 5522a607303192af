"""Nothing in, RQ's share of a training step of the full-size DABS encoder out.

`python benchmarks/share.py` prints it for the GPU, or for the CPU where there is none, with the seconds behind it.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import tyro
from paired import Rounds, in_turn
from torch import Tensor

from randquant.data import Batch
from randquant.encoder import make_encoder
from randquant.methods import make_method
from randquant.methods.quantized import QuantizedEmbeddings
from randquant.quantize.draw import Draws
from randquant.settings import BENCHMARK_ENCODER, MethodSettings
from randquant.spec import Grid, Spec

_BATCH = 16
_SPEC = Spec((Grid(3, (224, 224), (16, 16)),))  # 196 tokens
_DETAILS = MethodSettings(at="embeddings")


class Seconds(NamedTuple):
    """Those of quantizing and of a step, pair by pair; and of a backward pass as quantizing is timed with, alone."""

    whole: Rounds
    host: Rounds  # until everything is queued; on the CPU the same
    bare: list[float]


def main(rounds: int = 15) -> None:
    """Print the share, and what it is made of.

    Args:
        rounds: how often each is timed.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    seconds = timed(rounds, device=device)
    ratio = seconds.whole.ratio()
    lines = [
        f"{torch.cuda.get_device_name() if device == 'cuda' else 'CPU'}, torch {torch.__version__}, {rounds} rounds",
        f"RQ's share of a step: {ratio.value:.2%} [{ratio.low:.2%}, {ratio.high:.2%}]",
        _line("until done", *seconds.whole),
        _line("until queued by the host", *seconds.host),
        f"as long as quantizing, with nothing to quantize: {1e3 * statistics.median(seconds.bare):.3f} ms",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _line(text: str, quantizing: list[float], step: list[float]) -> str:
    first, second = (1e3 * statistics.median(one) for one in (quantizing, step))
    return f"{text}: {first:.3f} ms of quantizing (fastest {1e3 * min(quantizing):.3f}), a step of {second:.2f} ms"


def quantizing_to_step(rounds: int, *, device: str = "cpu", quick: bool = False) -> Rounds:
    """Seconds of quantizing both views' embeddings, their gradients included, and of the whole step around it.

    The step is RQ's on the embeddings: draws, both views forward, the loss, backward, and AdamW. On a GPU it
    is made in bfloat16, and no call waits for the one before.
    """
    return timed(rounds, device=device, quick=quick).whole


def timed(rounds: int, *, device: str = "cpu", quick: bool = False) -> Seconds:
    """What `quantizing_to_step` is made of."""
    sizes = dataclasses.replace(BENCHMARK_ENCODER, depth=1, width=32) if quick else BENCHMARK_ENCODER
    encoder = make_encoder(_SPEC, sizes, seed=0).to(device).train()
    method = make_method("rq", encoder, _DETAILS).to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=1e-4)
    pixels = torch.rand(_BATCH, 3, 224, 224, generator=torch.Generator().manual_seed(0)).to(device)
    ids = torch.arange(_BATCH, device=device)
    batch = Batch(ids, (pixels,))
    quantize = QuantizedEmbeddings(_SPEC, _DETAILS)
    with torch.no_grad():
        embedded = encoder.embed((pixels,))
    upstream = torch.ones_like(embedded)
    count = itertools.count()

    def draws() -> Draws:
        """Those of a step, in epochs of a hundred."""
        return Draws(0, next(count) // 100, ids)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = method(encoder, batch, draws(), 0.0).value
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    def quantizing(transform: Callable[[Tensor, Draws, int], Tensor]) -> None:
        drawn = draws()
        views = [transform(embedded.detach().requires_grad_(), drawn, view) for view in range(2)]
        torch.autograd.backward(views, [upstream, upstream])  # at once, as in the step

    def rq(tokens: Tensor, drawn: Draws, view: int) -> Tensor:
        return quantize(tokens, None, drawn, view)

    queued = Rounds([], [])
    whole = in_turn(
        lambda: _seconds(lambda: quantizing(rq), device, queued.first),
        lambda: _seconds(step, device, queued.second),
        rounds,
    )
    host = Rounds(queued.first[-rounds:], queued.second[-rounds:])  # without the round that warms up
    bare = [_seconds(lambda: quantizing(lambda x, *_: Nothing.apply(x)), device, []) for _ in range(rounds + 1)]
    return Seconds(whole, host, bare[1:])


class Nothing(torch.autograd.Function):
    """What costs a backward pass and nothing else."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


def _seconds(call: Callable[[], None], device: str, host: list[float]) -> float:
    """Seconds of a call; on a GPU, of one among twenty that follow each other as the steps of a training do.

    To `host` go those until all of them are queued.
    """
    calls = 20 if device == "cuda" else 1
    start = time.perf_counter()
    for _ in range(calls):
        call()
    host.append((time.perf_counter() - start) / calls)
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls


if __name__ == "__main__":
    tyro.cli(main)
