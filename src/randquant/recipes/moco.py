"""MoCo v3's experiments: ResNet-50 and ViT-S on ImageNet with every kind of views, and ResNet-18 on CIFAR-10.

Constants are those of the published code of MoCo v3; where the code of a figure is not public, `chosen` says what was
done.
"""

from __future__ import annotations

from randquant.recipes.experiment import Experiment
from randquant.settings import EncoderSettings, MethodSettings
from randquant.settings.choices import Scope

VIT_SMALL = EncoderSettings(backbone="timm/vit_small_patch16_224", stem="mocov3")
RESNET50 = EncoderSettings(backbone="resnet50", zero_init_residual=True)
MOCO = {  # by epochs: base learning rate for 256 samples, weight decay, momentum of the encoder's copy at first
    100: (0.6, 1e-6, 0.99),
    300: (0.3, 1e-6, 0.99),
    800: (0.3, 1.5e-6, 0.996),
    1000: (0.3, 1.5e-6, 0.996),
}
PAPER = "Wu et al., Randomized Quantization, ICCV 2023"
_MOCO = "Chen, Xie and He, MoCo v3, ICCV 2021"
UNKNOWN_RQ = (
    "bins, probability and value of a bin are not published: 8 bins, every view, a random value",
    "whether both encoders saw the same draws is not published: they do; the printed usage on GPUs draws twice",
    "batch and learning rate of the RQ runs are not published: those of MoCo v3",
    "RQ acts before the normalisation, which changes nothing: it commutes with a positive scale and shift",
)
CROP = "the smallest crop of the RQ runs is not published: 0.2 of the area, as in MoCo v3's own command"
NO_FLIP = "whether views were mirrored is not published: no, as in the printed list of transforms"
REST = "an incomplete last batch of an epoch is left out, as in the published code"


def _moco(
    name: str,
    title: str,
    method: str,
    epochs: int,
    expected: float,
    source: str,
    *chosen: str,
    per: Scope = "channel",
) -> Experiment:
    base, decay, momentum = MOCO[epochs]
    details = MethodSettings(
        hidden=4096, projection=256, temperature=1.0, momentum=momentum, crop_area=0.2, bins=8, per=per
    )
    return Experiment(
        name=name,
        title=title,
        method=method,
        epochs=epochs,
        expected=expected,
        source=source,
        chosen=chosen,
        options={
            "optimizer": "lars",
            "optimizer_momentum": 0.9,
            "learning_rate": base * 4096 / 256,
            "weight_decay": decay,
            "schedule": "cosine",
            "encoder": RESNET50,
            "method_details": details,
        },
    )


def _vit(name: str, title: str, method: str, expected: float | None, *chosen: str) -> Experiment:
    return Experiment(
        name=f"mocov3-vit-small{name}-300",
        title=f"MoCo v3 with ViT-S/16, {title}",
        method=method,
        hardware="32 GPUs of 32 GB, 128 photographs each",
        hosts=4,
        epochs=300,
        warmup=40,
        probe_rate=3.0,
        expected=expected,
        source=_MOCO if expected is not None else "nobody has published this row",
        chosen=(
            "the published code names two batches, 4096 and 1024; the figure is that of 4096",
            "the smallest crop is the published code's default, 0.08: its commands for transformers name no other",
            *chosen,
        ),
        options={
            "optimizer": "adamw",
            "learning_rate": 1.5e-4 * 4096 / 256,
            "weight_decay": 0.1,
            "schedule": "cosine",
            "encoder": VIT_SMALL,
            "method_details": MethodSettings(
                hidden=4096, projection=256, temperature=0.2, momentum=0.99, crop_area=0.08, bins=8, heads_for="vit"
            ),
        },
    )


RQ_ONLY = _moco(
    "mocov3-rq-100", "MoCo v3, views of RQ alone", "rq+mocov3", 100, 42.9, PAPER, *UNKNOWN_RQ,
    "what stands in for the crop is not published: resize to 256, the middle of 224, without a mirror",
)  # fmt: skip
CROP_RQ = [
    _moco(
        f"mocov3-crop-rq-{epochs}", "MoCo v3, views of crop and RQ", "rrc+rq+mocov3", epochs, figure, PAPER,
        *UNKNOWN_RQ, CROP, NO_FLIP,
        *(["no published MoCo v3 ran for 800 epochs: rate, decay and momentum are those of 1000"] * (epochs == 800)),
    )
    for epochs, figure in ((100, 67.9), (300, 71.6), (800, 72.1))
]  # fmt: skip
_CIFAR = {
    "optimizer": "lars",
    "optimizer_momentum": 0.9,
    "learning_rate": 0.6 * 512 / 256,
    "weight_decay": 1e-6,
    "schedule": "cosine",
    "encoder": EncoderSettings(backbone="resnet18", stem="small", zero_init_residual=True),
    "method_details": MethodSettings(
        hidden=2048, projection=256, temperature=0.2, momentum=0.99, blur_share=0.0, second_blur_share=0.0
    ),
}


def _cifar(name: str, method: str) -> Experiment:
    return Experiment(
        name=f"cifar10-{name}",
        title=f"one GPU, a day: MoCo v3 with ResNet-18 on CIFAR-10, {method}",
        method=method,
        hardware="one GPU",
        hosts=0,
        batch=512,
        epochs=500,
        samples=50_000,
        side=32,
        measure="linear probe, top-1, CIFAR-10",
        source="nobody has published this row",
        chosen=(
            "all of it is ours: MoCo v3's constants for 100 epochs, temperature 0.2, no blur of 32 pixels",
            "the data is a folder of CIFAR-10's pictures, train/<class>/... and val/<class>/...",
        ),
        options=_CIFAR,
    )


MOCO_V3: tuple[Experiment, ...] = (
    *(
        _moco(f"mocov3-{epochs}", "MoCo v3 with its own views", "full+mocov3", epochs, figure, _MOCO, REST)
        for epochs, figure in ((100, 68.9), (300, 72.8), (1000, 74.6))
    ),
    _moco(
        "mocov3-full-rq-100", "MoCo v3, RQ after its own views", "full+rq+mocov3", 100, 69.0,
        f"{PAPER}, figure not found in public code", *UNKNOWN_RQ, CROP,
    ),
    *CROP_RQ,
    _moco(
        "mocov3-crop-rq-instance-100", "MoCo v3, views of crop and instance-wise RQ", "rrc+rq+mocov3", 100, 64.3,
        f"{PAPER}, figure not found in public code", *UNKNOWN_RQ[:-1], CROP, NO_FLIP,
        "instance-wise is not in the public code: all channels share one set of bins, over colours from 0 to 1",
        per="sample",
    ),
    RQ_ONLY,
    _vit("", "its own views", "full+mocov3", 73.2),
    _vit("-crop-rq", "views of crop and RQ", "rrc+rq+mocov3", None, *UNKNOWN_RQ[:1], NO_FLIP),
    _vit("-full-rq", "RQ after its own views", "full+rq+mocov3", None, *UNKNOWN_RQ[:1]),
)  # fmt: skip
CIFAR10: tuple[Experiment, ...] = tuple(
    _cifar(name, f"{views}+mocov3")
    for name, views in (("crop", "rrc"), ("crop-rq", "rrc+rq"), ("full", "full"), ("full-rq", "full+rq"))
)
