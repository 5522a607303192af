"""Nothing in, the time of `randquant embed` beside a bare forward loop over samples in memory out."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from paired import Rounds, in_turn

from randquant.embed import embed
from randquant.pretrain import pretrain
from randquant.run import Run, open_for
from randquant.settings import EmbedSettings

_BATCH = 256
_SHAPE = (6, 200)  # channels and steps, as a wrist's motion has


def embed_to_bare(rounds: int, samples: int) -> Rounds:
    """Seconds of embedding a path into a file, and of a bare loop, once their features are the same.

    `embed` is as the command has it: it opens the run and the path, reads, scales, encodes and writes. The bare loop
    has the encoder, and the samples in memory, scaled.
    """
    with _run(samples) as (path, run):
        out = path.with_name("features.npy")
        settings = EmbedSettings(
            run=run, data=str(path), out=out, batch=_BATCH, device="cpu", overwrite=True, quiet=True
        )
        encoder = Run.open(run).encoder()
        (inputs,) = open_for(Run.open(run), str(path), labelled=False).held("train").inputs

        def ours() -> float:
            began = time.perf_counter()
            embed(settings)
            return time.perf_counter() - began

        def bare() -> float:
            began = time.perf_counter()
            with torch.inference_mode():
                for some in inputs.split(_BATCH):  # type: ignore[no-untyped-call]
                    encoder((some,))
            return time.perf_counter() - began

        ours()
        with torch.inference_mode():
            first = encoder((inputs[:_BATCH],)).numpy()
        if not np.allclose(np.load(out)[:_BATCH], first, rtol=0, atol=1e-5):
            sys.exit("own_data.py: error: embed and the bare loop end with other features; nothing is timed")
        return in_turn(ours, bare, rounds)


@contextmanager
def _run(samples: int) -> Iterator[tuple[Path, Path]]:
    """An .npy and a run of the default encoder, as it was drawn."""
    with tempfile.TemporaryDirectory() as folder:
        path, run = Path(folder) / "series.npy", Path(folder) / "run"
        np.save(path, np.random.default_rng(0).normal(size=(samples, *_SHAPE)).astype(np.float32))
        pretrain(str(path), out=run, method="none", device="cpu", quiet=True)
        yield path, run
