"""A published training's sizes in, the same at another scale out: what a scale changes, and what follows from that.

A small training is not a published one cut short. What was chosen for a batch, a side or a number of steps follows
them: the learning rate of LARS and AdamW the square root of the batch, the blur the side of the image, and the momentum
encoder lags by the same share of the training.

Source of the square root, for small batches and short trainings: Chen et al., "A Simple Framework for Contrastive
Learning of Visual Representations", ICML 2020, appendix B.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from randquant.settings import EncoderSettings, MethodSettings
from randquant.settings.choices import Optimizer, Scale


@dataclass(frozen=True)
class Size:
    """What a scale changes; 0 and "" for what stays as it is.

    Attributes:
        side, patched: pixels of an image's side, and of one that a vision transformer cuts into patches; at most half
            of the published ones.
        backbone, transformer: the vision model, and the one in the place of a vision transformer.
        batch, epochs: of the self-supervised training; the batch is that of others too.
        fewest: steps of the self-supervised training, where so many epochs have fewer.
        labelled: epochs of supervised training, and of the linear probe.
        hidden: the largest hidden width of heads.
        workers: processes that read.
    """

    side: int = 0
    patched: int = 0
    backbone: str = ""
    transformer: str = ""
    batch: int = 0
    epochs: int = 0
    fewest: int = 0
    labelled: int = 0
    hidden: int = 0
    workers: int = 16

    def shrink(self, encoder: EncoderSettings) -> EncoderSettings:
        """The encoder of this size."""
        smaller = self.transformer if encoder.stem == "mocov3" else self.backbone
        return replace(encoder, backbone=smaller or encoder.backbone)

    def pixels(self, published: int, encoder: EncoderSettings) -> int:
        """An image's side, from the published one."""
        wanted = self.patched if encoder.stem == "mocov3" else self.side
        return min(wanted, published // 2) if wanted else published

    def rate(self, peak: float, optimizer: Optimizer, batch: float) -> float:
        """The learning rate for a batch, as a share of the published one, from the published rate.

        Steps of LARS and AdamW are as long where a gradient is mostly noise, so with few samples they must be shorter.
        Those of plain SGD are as long as the gradient, and keep their rate.
        """
        return peak * math.sqrt(batch) if self.batch and optimizer != "sgd" else peak

    def fit(self, details: MethodSettings, *, side: float, steps: float) -> MethodSettings:
        """The method with heads of this size, and what follows from other sizes.

        Args:
            details: as published.
            side, steps: of an image and of the training, as shares of the published ones.
        """
        if not self.hidden:
            return details
        return replace(
            details,
            hidden=min(self.hidden, details.hidden),
            projection=min(self.hidden // 2, details.projection),
            blur_smallest=details.blur_smallest * side,
            blur_largest=details.blur_largest * side,
            momentum=max(0.0, 1 - (1 - details.momentum) / steps),
        )


SIZES: dict[Scale, Size] = {
    "full": Size(),
    "tiny": Size(
        side=32, patched=64, backbone="timm/test_resnet", transformer="timm/test_vit", batch=32, epochs=100,
        fewest=2000, labelled=30, hidden=128, workers=0,
    ),
}  # fmt: skip
