"""The published figures on ImageNet, each as a recipe: MoCo v3 with and without RQ, BYOL, SimSiam, SimCLR, supervised.

Constants are those of the published code of MoCo v3, SimSiam and BYOL, and of torchvision's reference training; where
the code of a figure is not public, `chosen` says what was done.
"""

from __future__ import annotations

from typing import Any

from randquant.recipes.experiment import Experiment
from randquant.settings import EncoderSettings, MethodSettings
from randquant.settings.choices import Scope

RESNET50 = EncoderSettings(backbone="resnet50", zero_init_residual=True)
MOCO = {  # by epochs: base learning rate for 256 samples, weight decay, momentum of the encoder's copy at first
    100: (0.6, 1e-6, 0.99),
    300: (0.3, 1e-6, 0.99),
    800: (0.3, 1.5e-6, 0.996),
    1000: (0.3, 1.5e-6, 0.996),
}
_PAPER = "Wu et al., Randomized Quantization, ICCV 2023"
_MOCO = "Chen, Xie and He, MoCo v3, ICCV 2021"
_UNKNOWN_RQ = (
    "bins, probability and value of a bin are not published: 8 bins, every view, a random value",
    "whether both encoders saw the same draws is not published: they do; the printed usage on GPUs draws twice",
    "the smallest crop of the RQ runs is not published: 0.2 of the area, as in MoCo v3's own command",
    "batch and learning rate of the RQ runs are not published: those of MoCo v3",
    "RQ acts before the normalisation, which changes nothing: it commutes with a positive scale and shift",
)
_NO_FLIP = "whether views were mirrored is not published: no, as in the printed list of transforms"
_REST = "an incomplete last batch of an epoch is left out, as in the published code"


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


def _kin(
    name: str, title: str, source: str, expected: float, options: dict[str, Any], **changes: Any
) -> list[Experiment]:
    """A method with its own views, with RQ after them, and with crop and RQ instead of them."""
    views = (
        (name, title, f"full+{name}", expected, ()),
        (f"{name}-full-rq", f"{title}, RQ after its views", f"full+rq+{name}", None, _UNKNOWN_RQ[:1]),
        (f"{name}-crop-rq", f"{title}, views of crop and RQ", f"rrc+rq+{name}", None, (*_UNKNOWN_RQ[:1], _NO_FLIP)),
    )
    return [
        Experiment(
            name=f"{called}-100",
            title=told,
            method=method,
            expected=figure,
            source=source if figure is not None else "nobody has published this row",
            chosen=chosen,
            options=options,
            **changes,
        )
        for called, told, method, figure, chosen in views
    ]


_BYOL = {
    "optimizer": "lars",
    "optimizer_momentum": 0.9,
    "learning_rate": 0.45 * 4096 / 256,
    "weight_decay": 1e-6,
    "schedule": "cosine",
    "encoder": RESNET50,
    "method_details": MethodSettings(hidden=4096, projection=256, momentum=0.99, crop_area=0.08),
}
_SIMSIAM = {
    "optimizer": "sgd",
    "optimizer_momentum": 0.9,
    "learning_rate": 0.05 * 512 / 256,
    "weight_decay": 1e-4,
    "decay": "all",
    "schedule": "cosine",
    "rate_changes_by_epoch": True,
    "encoder": RESNET50,
    "method_details": MethodSettings(
        hidden=2048,
        projection=2048,
        crop_area=0.2,
        saturation=0.4,
        blur_share=0.5,
        second_blur_share=0.5,
        second_solarize_share=0.0,
    ),
}
_SIMCLR = {
    "optimizer": "lars",
    "optimizer_momentum": 0.9,
    "learning_rate": 0.3 * 4096 / 256,
    "weight_decay": 1e-6,
    "schedule": "cosine",
    "encoder": RESNET50,
    "method_details": MethodSettings(
        hidden=2048,
        projection=128,
        temperature=0.1,
        crop_area=0.08,
        brightness=0.8,
        contrast=0.8,
        saturation=0.8,
        hue=0.2,
        blur_share=0.5,
        second_blur_share=0.5,
        second_solarize_share=0.0,
    ),
}
_SUPERVISED: dict[str, Any] = {
    "learning_rate": 0.1,
    "rate_factor": 0.1,
    "optimizer_momentum": 0.9,
    "weight_decay": 1e-4,
    "encoder": EncoderSettings(backbone="resnet50"),
    "method_details": MethodSettings(crop_area=0.08, bins=8),
}


def _supervised(name: str, title: str, method: str, expected: float, *chosen: str) -> Experiment:
    return Experiment(
        name=name,
        title=title,
        kind="supervise",
        method=method,
        hardware="8 GPUs, 32 photographs each",
        batch=256,
        epochs=90,
        warmup=0,
        expected=expected,
        measure="top-1, ImageNet, mean of three seeds",
        source=f"{_PAPER}, figure not found in public code",
        chosen=("run it with --seed 0, 1 and 2", _REST, *chosen),
        options=_SUPERVISED,
    )


def _verify(name: str, trained: Experiment) -> Experiment:
    return Experiment(
        name=name,
        title=f"the published weights of {trained.name}: linear probe and neighbours",
        kind="verify",
        hardware="one GPU",
        batch=1024,
        epochs=90,
        warmup=0,
        expected=trained.expected,
        source=trained.source,
        chosen=("give the checkpoint by --weights; its own probe took the best epoch, here the last one counts",),
        options={"encoder": RESNET50},
    )


_RQ_ONLY = _moco(
    "mocov3-rq-100", "MoCo v3, views of RQ alone", "rq+mocov3", 100, 42.9, _PAPER, *_UNKNOWN_RQ,
    "what stands in for the crop is not published: resize to 256, the middle of 224",
)  # fmt: skip
_CROP_RQ = [
    _moco(
        f"mocov3-crop-rq-{epochs}", "MoCo v3, views of crop and RQ", "rrc+rq+mocov3", epochs, figure, _PAPER,
        *_UNKNOWN_RQ, _NO_FLIP,
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
        batch=512,
        epochs=500,
        side=32,
        measure="linear probe, top-1, CIFAR-10",
        source="nobody has published this row",
        chosen=(
            "all of it is ours: MoCo v3's constants for 100 epochs, temperature 0.2, no blur of 32 pixels",
            "the data is a folder of CIFAR-10's pictures, train/<class>/... and val/<class>/...",
        ),
        options=_CIFAR,
    )


EXPERIMENTS: dict[str, Experiment] = {
    one.name: one
    for one in (
        *(
            _moco(f"mocov3-{epochs}", "MoCo v3 with its own views", "full+mocov3", epochs, figure, _MOCO, _REST)
            for epochs, figure in ((100, 68.9), (300, 72.8), (1000, 74.6))
        ),
        _moco(
            "mocov3-full-rq-100", "MoCo v3, RQ after its own views", "full+rq+mocov3", 100, 69.0,
            f"{_PAPER}, figure not found in public code", *_UNKNOWN_RQ,
        ),
        *_CROP_RQ,
        _moco(
            "mocov3-crop-rq-instance-100", "MoCo v3, views of crop and instance-wise RQ", "rrc+rq+mocov3", 100, 64.3,
            f"{_PAPER}, figure not found in public code", *_UNKNOWN_RQ[:-1], _NO_FLIP,
            "instance-wise is not in the public code: all channels share one set of bins, over colours from 0 to 1",
            per="sample",
        ),
        _RQ_ONLY,
        *_kin(
            "byol", "BYOL", "SimSiam's re-run: Chen and He, CVPR 2021", 66.5, _BYOL
        ),
        *_kin(
            "simsiam", "SimSiam", "Chen and He, CVPR 2021", 68.1, _SIMSIAM, batch=512, warmup=0,
            hardware="8 GPUs, 64 photographs each",
        ),
        *_kin("simclr", "SimCLR", "SimSiam's re-run: Chen and He, CVPR 2021", 66.5, _SIMCLR),
        _supervised("supervised", "ResNet-50 by torchvision's first recipe", "rrc+flip", 75.56,
                    "torchvision's own weights by this recipe reach 76.130"),
        _supervised("supervised-rq", "the same with RQ", "rrc+flip+rq", 75.83,
                    "where RQ stands and how strong it is, is not published: last, 8 bins, every sample"),
        _verify("verify-rq-100", _RQ_ONLY),
        *(
            _cifar(name, f"{views}+mocov3")
            for name, views in (("crop", "rrc"), ("crop-rq", "rrc+rq"), ("full", "full"), ("full-rq", "full+rq"))
        ),
        *(_verify(f"verify-{one.name.removeprefix('mocov3-')}", one) for one in _CROP_RQ),
    )
}  # fmt: skip
