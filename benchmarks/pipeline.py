"""Nothing in, samples per second from files on disk to the optimizer's step out: randquant's, and lightly's parts.

Both read the same JPEG files with two workers, make two views of each picture by a crop and randomized quantization,
encode them by the same transformer and train it with SimCLR's loss (NT-Xent), a projection head of the same sizes and
AdamW. randquant decodes a picture once and makes the views of a whole batch in the training process; lightly's
transforms make them picture by picture in the workers, as its documentation shows, and the Lightning trainer runs the
steps. Each has its batches of 128 and as many threads; the start of workers is left out of both times.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning
import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms.multi_view_transform import MultiViewTransform
from paired import Rounds, in_turn
from pictures import write_pictures
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from randquant import RandomizedQuantization
from randquant.data import Dataset, Items
from randquant.encoder import make_encoder
from randquant.pretrain import pretrain
from randquant.settings import EncoderSettings, MethodSettings
from randquant.spec import Grid, Spec

SIDE = 96
_SPEC = Spec((Grid(3, (SIDE, SIDE), (16, 16)),))
_SIZES = EncoderSettings(width=96, depth=3)
_DETAILS = MethodSettings(hidden=256, projection=128)
_BATCH = 128
_WORKERS = 2
_RATE = 1e-3
WARM = 2  # steps before the clock starts


def ours_to_lightly(rounds: int, *, pictures: int, steps: int) -> Rounds:
    """Seconds of lightly's steps and of randquant's: their ratio is how much faster randquant is."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pictures(Path(folder) / "pictures", pictures)
        return in_turn(lambda: _lightly(paths[0].parents[1], steps), lambda: _ours(paths, steps), rounds)


@dataclass(frozen=True)
class Decoded:
    """Reads a JPEG file as uint8 [3, 96, 96]."""

    paths: Sequence[Path]

    def __call__(self, position: int) -> tuple[Tensor, ...]:
        with Image.open(self.paths[position]) as image:
            image.draft("RGB", (SIDE, SIDE))  # the decoder halves what is more than twice too large
            pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        return (torch.from_numpy(pixels.copy()).permute(2, 0, 1),)


def _ours(paths: Sequence[Path], steps: int) -> float:
    dataset = Dataset("pictures", _SPEC, {"train": Items(torch.arange(len(paths)), Decoded(paths))})
    with tempfile.TemporaryDirectory() as folder:
        run = pretrain(
            dataset, out=Path(folder) / "run", encoder=_SIZES, method="crop+rq+simclr", method_details=_DETAILS,
            steps=steps, batch=_BATCH, workers=_WORKERS, learning_rate=_RATE, schedule="constant", warmup=0.0,
            log_every=1, device="cpu", quiet=True,
        )  # fmt: skip
        lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    times = {line["step"]: line["seconds"] for line in lines if "seconds" in line}
    return float(times[steps] - times[WARM])


class SimCLR(pytorch_lightning.LightningModule):
    """The same encoder and loss, out of lightly's parts."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = make_encoder(_SPEC, _SIZES, seed=0)
        self.head = SimCLRProjectionHead(self.encoder.width, _DETAILS.hidden, _DETAILS.projection)
        self.criterion = NTXentLoss(temperature=_DETAILS.temperature)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        first, second = batch[0]
        loss: Tensor = self.criterion(self.head(self.encoder((first,))), self.head(self.encoder((second,))))
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=_RATE, weight_decay=1e-4)


class Clock(pytorch_lightning.Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def _lightly(folder: Path, steps: int) -> float:
    view = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(SIDE, scale=(0.25, 1.0), antialias=True),
            v2.ToDtype(torch.float32, scale=True),
            RandomizedQuantization(bins=_DETAILS.bins),
        ]
    )
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=MultiViewTransform([view, view])),
        batch_size=_BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=_WORKERS,
        persistent_workers=True,
    )
    return on_lightning(SimCLR(), loader, steps)


def on_lightning(module: pytorch_lightning.LightningModule, loader: Any, steps: int) -> float:
    """Seconds of a training by the Lightning trainer, without the first steps."""
    clock = Clock()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as out, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # the trainer's advice
        trainer = pytorch_lightning.Trainer(
            max_steps=steps, accelerator="cpu", default_root_dir=out, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[clock],
        )  # fmt: skip
        trainer.fit(module, loader)
    return clock.ends[steps - 1] - clock.ends[WARM - 1]
