"""Nothing in, seconds of MoCo v3's steps from JPEG files out: randquant's, and the same made of lightly's parts.

Both read the same files with two workers and train a ResNet-18 on crops of 64 pixels, with the same heads, momentum
encoder, loss and LARS. randquant cuts a picture's two crops in the workers and makes the rest of the views of a whole
batch in the training process; lightly's transforms make all of them picture by picture in the workers, and the
Lightning trainer runs the steps. lightly has no MoCo v3 and no loss of it: its heads, momentum update and optimizer are
put together around a cross entropy as its documentation puts together other methods.
"""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytorch_lightning
import torch
from lightly.data import LightlyDataset
from lightly.models.modules.heads import ProjectionHead
from lightly.models.utils import deactivate_requires_grad, get_weight_decay_parameters, update_momentum
from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform
from lightly.transforms.multi_view_transform import MultiViewTransform
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_schedule
from paired import Rounds, in_turn
from pictures import write_pictures
from pipeline import WARM, on_lightning
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.transforms import v2

from randquant import RandomizedQuantization
from randquant.data.photographs import open_photographs
from randquant.encoder.vision import MEAN, SPREAD
from randquant.pretrain import pretrain
from randquant.settings import EncoderSettings, MethodSettings

SIDE, BATCH, WORKERS = 64, 32, 2
DETAILS = MethodSettings(hidden=1024, projection=256, temperature=1.0, momentum=0.99, crop_area=0.2)
ENCODER = EncoderSettings(backbone="resnet18", zero_init_residual=True)
_RATE, _DECAY = 0.6 * BATCH / 256, 1e-6
VIEWS = {"crop + RQ": "rrc+rq", "MoCo v3's own": "full"}  # randquant's words for them


def lightly_to_ours(rounds: int, *, views: str, pictures: int, steps: int) -> Rounds:
    """Seconds of lightly's steps and of randquant's: their ratio is how much faster randquant is."""
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder), pictures)
        return in_turn(
            lambda: _lightly(Path(folder), views, steps), lambda: _ours(Path(folder), views, steps), rounds
        )  # fmt: skip


def _ours(folder: Path, views: str, steps: int) -> float:
    with tempfile.TemporaryDirectory() as out:
        run = pretrain(
            open_photographs(folder, side=SIDE), out=Path(out) / "run", encoder=ENCODER,
            method=f"{VIEWS[views]}+mocov3", method_details=DETAILS, optimizer="lars", optimizer_momentum=0.9,
            learning_rate=_RATE, weight_decay=_DECAY, schedule="constant", warmup=0.0, steps=steps, batch=BATCH,
            workers=WORKERS, log_every=1, device="cpu", quiet=True,
        )  # fmt: skip
        lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    times = {line["step"]: line["seconds"] for line in lines if "seconds" in line}
    return float(times[steps] - times[WARM])


def mlp(entering: int, *, last: nn.Module | None) -> ProjectionHead:
    """MoCo v3's head of two layers for ResNets."""
    hidden, leaving = DETAILS.hidden, DETAILS.projection
    return ProjectionHead(
        [(entering, hidden, nn.BatchNorm1d(hidden), nn.ReLU(), False), (hidden, leaving, last, None, False)]
    )


class MoCoV3(pytorch_lightning.LightningModule):
    """The same training, out of lightly's parts."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        backbone = resnet18(zero_init_residual=True)
        backbone.fc = nn.Identity()
        self.encoder = nn.Sequential(backbone, mlp(512, last=nn.BatchNorm1d(DETAILS.projection, affine=False)))
        self.predictor = mlp(DETAILS.projection, last=None)
        self.following = copy.deepcopy(self.encoder)
        deactivate_requires_grad(self.following)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        views = batch[0]
        queries = [F.normalize(self.predictor(self.encoder(view)), dim=1) for view in views]
        update_momentum(self.encoder, self.following, cosine_schedule(batch_idx, self.steps, DETAILS.momentum, 1.0))
        with torch.no_grad():
            keys = [F.normalize(self.following(view), dim=1) for view in views]
        own = torch.arange(len(views[0]), device=self.device)
        pairs = ((queries[0], keys[1]), (queries[1], keys[0]))
        losses = [F.cross_entropy(query @ key.T / DETAILS.temperature, own) for query, key in pairs]
        loss = 2 * DETAILS.temperature * (losses[0] + losses[1])
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        decayed, others = get_weight_decay_parameters([self.encoder, self.predictor])
        groups = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
        return LARS(groups, lr=_RATE, momentum=0.9, weight_decay=_DECAY)


def transforms(views: str) -> MultiViewTransform:
    """What lightly makes of a picture, in a worker."""
    normalize = {"mean": list(MEAN), "std": list(SPREAD)}
    if views == "crop + RQ":
        view = v2.Compose(
            [
                v2.ToImage(),
                v2.RandomResizedCrop(SIDE, scale=(DETAILS.crop_area, 1.0), antialias=True),
                v2.ToDtype(torch.float32, scale=True),
                RandomizedQuantization(bins=DETAILS.bins),
                v2.Normalize(**normalize),
            ]
        )
        return MultiViewTransform([view, view])
    given = {"input_size": SIDE, "min_scale": DETAILS.crop_area, "normalize": normalize}
    return BYOLTransform(BYOLView1Transform(**given), BYOLView2Transform(**given))


def _lightly(folder: Path, views: str, steps: int) -> float:
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=transforms(views)), batch_size=BATCH, shuffle=True, drop_last=True,
        num_workers=WORKERS, persistent_workers=True,
    )  # fmt: skip
    return on_lightning(MoCoV3(steps), loader, steps)
