"""A method's name in, a table out that tells rounding from a real difference between one process and two.

    python tests/rounding.py crop+rq+mocov3

Twenty steps on the digits at the defaults, AdamW among them. Each row is a training, each number how far its loss is
from that of one process. Where two processes are no further away than one process whose first weights were moved by
1e-7 of themselves, which is what float32 rounds away, and where the distance is gone in float64, it is rounding.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch

from randquant.data import Dataset, open_data
from randquant.encoder import Encoder, make_encoder
from randquant.pretrain import loop, train
from randquant.run import Run
from randquant.settings import PretrainSettings

STEPS = 20
SHOWN = (1, 5, 10, 20)
MOVED = 1e-7
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def moved(encoder: Encoder, seed: int) -> Encoder:
    """The encoder with each weight moved by about `MOVED` of itself."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in encoder.parameters():
            one.mul_(1 + MOVED * torch.randn(one.shape, generator=generator))
    return encoder


def losses(method: str, out: Path, dtype: str, seed: int = 0) -> dict[int, float]:
    """The loss of every step; `seed` names how the first weights are moved, 0 leaves them."""
    torch.set_default_dtype(DTYPES[dtype])
    plain: Dataset = open_data("digits")
    held = plain.held("train")
    held = held._replace(inputs=tuple(one.to(DTYPES[dtype]) for one in held.inputs))
    data = dataclasses.replace(plain, parts={"train": held})
    settings = PretrainSettings(
        data="digits", method=method, out=out, steps=STEPS, log_every=1, device="cpu", quiet=True
    )

    def made(*arguments: object) -> Encoder:
        encoder: Encoder = make_encoder(*arguments)  # type: ignore[arg-type]
        return moved(encoder, seed) if seed else encoder

    with mock.patch.object(loop, "make_encoder", made):
        return read(train(settings, data))


def read(run: Run) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in run.metrics() if "loss" in line}


def of_two(method: str, out: Path, dtype: str) -> dict[int, float]:
    """The losses of two processes: this script, started by torchrun."""
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", __file__, method, str(out), dtype]
    subprocess.run([sys.executable, *words], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return read(Run.open(out))


def main(method: str) -> None:
    sys.stdout.write("\t".join(["training", *(f"step {step}" for step in SHOWN)]) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        for dtype in DTYPES:
            plain = losses(method, Path(folder, dtype), dtype)
            rows = {
                f"{dtype}, two processes": of_two(method, Path(folder, f"{dtype}-two"), dtype),
                **{
                    f"{dtype}, weights moved by {MOVED:g} ({seed})": losses(
                        method, Path(folder, f"{dtype}-moved-{seed}"), dtype, seed
                    )
                    for seed in (1, 2, 3)
                },
            }
            for name, found in rows.items():
                sys.stdout.write("\t".join([name, *(f"{abs(found[one] - plain[one]):.1e}" for one in SHOWN)]) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 2:
        losses(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    else:
        main(sys.argv[1])
