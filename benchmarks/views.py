"""Nothing in, seconds of making views out: crop + RQ beside MoCo v3's own, on the device beside in the workers."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from moco_pipeline import BATCH, DETAILS, ENCODER, SIDE, VIEWS, WORKERS, transforms
from paired import Rounds, in_turn
from pictures import write_pictures
from torchvision.datasets import ImageFolder

from randquant.data import Batch
from randquant.data.photographs import open_photographs
from randquant.data.reading import Cut
from randquant.encoder import make_encoder
from randquant.methods import PARTNERS, Chain, make_method
from randquant.methods.quantized import QuantizedInputs
from randquant.pretrain.feed import feed
from randquant.quantize.draw import Draws
from randquant.spec import Grid, Spec


def chain_of(views: str, spec: Spec) -> Chain:
    """What makes them, on the device."""
    return sum((PARTNERS[word](spec, DETAILS) for word in VIEWS[views].split("+")), Chain())


def full_to_crop(rounds: int, *, batch: int, side: int) -> Rounds:
    """Seconds of both views of a batch by MoCo v3's own list, and by crop and RQ; pictures are in memory."""
    spec = Spec((Grid(3, (side, side), (16, 16)),))
    pixels = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    count = itertools.count()

    def made(views: str) -> Callable[[], float]:
        chain = chain_of(views, spec)

        def call() -> float:
            draws = Draws(0, next(count), torch.arange(batch))
            start = time.perf_counter()
            for view in range(2):
                chain.change((pixels,), draws, view)
            return time.perf_counter() - start

        return call

    return in_turn(made("MoCo v3's own"), made("crop + RQ"), rounds)


def quantizing_to_step(rounds: int, *, batch: int, side: int) -> Rounds:
    """Seconds of quantizing both views of a batch, and of the whole step of MoCo v3 with crop and RQ; no files."""
    spec = Spec((Grid(3, (side, side), (16, 16)),))
    encoder = make_encoder(spec, ENCODER, seed=0).train()
    method = make_method("rrc+rq+mocov3", encoder, DETAILS)
    trained = [one for one in [*encoder.parameters(), *method.parameters()] if one.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-3, momentum=0.9)
    pixels = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
    ids, count = torch.arange(batch), itertools.count()
    quantize = QuantizedInputs(spec, DETAILS)

    def step() -> float:
        draws, start = Draws(0, next(count), ids), time.perf_counter()
        method(encoder, Batch(ids, (pixels,)), draws, 0.5).value.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - start

    def quantizing() -> float:
        draws, start = Draws(0, next(count), ids), time.perf_counter()
        for view in range(2):
            quantize((pixels,), draws, view)
        return time.perf_counter() - start

    return in_turn(quantizing, step, rounds)


def workers_to_device(rounds: int, *, views: str, pictures: int, steps: int) -> Rounds:
    """Seconds of reading batches and making their views in the workers, picture by picture, and batched on the device.

    Nothing is trained: what a step costs beside is the same.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), pictures)
        return in_turn(
            lambda: _in_workers(Path(folder), views, steps), lambda: _on_device(Path(folder), views, steps), rounds
        )


def _in_workers(folder: Path, views: str, steps: int) -> float:
    loader = torch.utils.data.DataLoader(
        ImageFolder(str(folder), transform=transforms(views)), batch_size=BATCH, shuffle=True, drop_last=True,
        num_workers=WORKERS, persistent_workers=True,
    )  # fmt: skip
    endless = itertools.chain.from_iterable(itertools.repeat(loader))
    next(endless)
    start = time.perf_counter()
    for _ in range(steps):
        next(endless)
    return time.perf_counter() - start


def _on_device(folder: Path, views: str, steps: int) -> float:
    dataset = open_photographs(folder, side=SIDE)
    chain = chain_of(views, dataset.spec)
    batches = feed(
        dataset.parts["train"], torch.device("cpu"), seed=0, batch=BATCH, workers=WORKERS, cut=Cut(2, DETAILS.crop_area)
    )
    with contextlib.closing(batches):
        next(batches)
        start = time.perf_counter()
        for _ in range(steps):
            batch, draws = next(batches)
            for view in range(2):
                chain.change(batch.inputs, draws, view)
        return time.perf_counter() - start
