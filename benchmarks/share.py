"""Nothing in, RQ's share of a training step of the full-size DABS encoder out."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable

import torch
from paired import Rounds, in_turn

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


def quantizing_to_step(rounds: int, *, device: str = "cpu", quick: bool = False) -> Rounds:
    """Seconds of quantizing both views' embeddings, their gradients included, and of the whole step around it.

    The step is RQ's on the embeddings: draws, both views forward, the loss, backward, and AdamW. On a GPU it
    is made in bfloat16, and no call waits for the one before.
    """
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

    def quantizing() -> None:
        drawn = draws()
        views = [quantize(embedded.detach().requires_grad_(), None, drawn, view) for view in range(2)]
        torch.autograd.backward(views, [upstream, upstream])  # at once, as in the step

    return in_turn(lambda: _seconds(quantizing, device), lambda: _seconds(step, device), rounds)


def _seconds(call: Callable[[], None], device: str) -> float:
    """Seconds of a call; on a GPU, of one among twenty that follow each other as the steps of a training do."""
    calls = 20 if device == "cuda" else 1
    start = time.perf_counter()
    for _ in range(calls):
        call()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / calls
