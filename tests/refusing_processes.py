"""Started twice by torchrun: trainings that are refused, one of a module with unused parameters, one that fails.

    python -m torch.distributed.run --standalone --nproc_per_node 2 tests/refusing_processes.py FOLDER

Each process writes what the command line returned and said to FOLDER/RANK.json, a training at a time.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from killed import stored_digits
from randquant import cli
from randquant.data import Dataset, open_data
from randquant.encoder import DomainAgnosticTransformer
from randquant.errors import UserError
from randquant.pretrain import loop, pretrain

FEW = "--batch 300 --steps 8 --width 16 --depth 1 --heads 2 --head-width 8 --mlp-width 16 --log-every 1 --device cpu"
RANK = int(os.environ.get("RANK", "0"))
SPARE: dict[str, Any] = {"method": "rq", "steps": 4, "batch": 8, "log_every": 1, "device": "cpu", "quiet": True}
SPARE |= {"optimizer": "sgd", "learning_rate": 0.05}  # AdamW enlarges rounding: tests/rounding.py


class Spare(nn.Module):
    """A user's own module: one layer is never used, another in every second step alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.used, self.spare, self.now_and_then = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(64, 8)
        self.calls = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.calls += self.training
        values = pixels.flatten(1)
        features: Tensor = self.used(values)
        return features if (self.calls - 1) // 2 % 2 else features + self.now_and_then(values)


def few_digits() -> Dataset:
    digits = open_data("digits")
    return Dataset("few", digits.spec, {"train": digits.held("train").take(slice(24))})


def main(folder: Path) -> None:
    found: dict[str, tuple[int, str]] = {}

    def run(name: str, words: str) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = cli.main(f"pretrain digits {FEW} --quiet {words}".format(folder=folder).split())
        found[name] = code, said.getvalue()
        (folder / f"{RANK}.json").write_text(json.dumps(found))

    run("a method", "--method bogus --out {folder}/method")
    run("a setting", "--dropout 7 --out {folder}/setting")
    run("a batch", "--out {folder}/batch --batch 301")
    run("a folder", "--out /dev/null/run")
    with mock.patch.object(loop, "open_training", return_value=stored_digits(folder)):
        run("a sample", "--workers 1 --out {folder}/sample")
    run("nothing", "--monitors digits --out {folder}/fine")
    pretrain(few_digits(), encoder=Spare(), out=folder / "spare", **SPARE)

    def failing(*_: object) -> Tensor:
        raise UserError("encoder: it has had enough of this process")

    if RANK == 1:  # in the middle of a step, where the other one waits for it
        with mock.patch.object(DomainAgnosticTransformer, "forward", failing):
            run("one alone", "--out {folder}/alone")
    else:
        run("one alone", "--out {folder}/alone")
    sys.exit(found["one alone"][0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
