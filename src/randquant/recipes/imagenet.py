"""The published figures on ImageNet, each as a recipe: MoCo v3 with and without RQ, BYOL, SimSiam, SimCLR, supervised.

Constants are those of the published code of SimSiam and BYOL, and of torchvision's reference training; MoCo v3's are in
`moco`. Where the code of a figure is not public, `chosen` says what was done.
"""

from __future__ import annotations

from typing import Any

from randquant.recipes.experiment import Experiment
from randquant.recipes.moco import CIFAR10, CROP_RQ, MOCO_V3, NO_FLIP, PAPER, RESNET50, REST, RQ_ONLY, UNKNOWN_RQ
from randquant.settings import EncoderSettings, MethodSettings


def _kin(
    name: str, title: str, source: str, expected: float, chosen: str, options: dict[str, Any], **changes: Any
) -> list[Experiment]:
    """A method with its own views, with RQ after them, and with crop and RQ instead of them."""
    views = (
        (name, title, f"full+{name}", expected, (chosen,)),
        (f"{name}-full-rq", f"{title}, RQ after its views", f"full+rq+{name}", None, UNKNOWN_RQ[:1]),
        (f"{name}-crop-rq", f"{title}, views of crop and RQ", f"rrc+rq+{name}", None, (*UNKNOWN_RQ[:1], NO_FLIP)),
    )
    return [
        Experiment(
            name=f"{called}-100",
            title=told,
            method=method,
            expected=figure,
            source=source if figure is not None else "nobody has published this row",
            chosen=notes,
            options=options,
            **changes,
        )
        for called, told, method, figure, notes in views
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
        hosts=1,
        batch=256,
        epochs=90,
        warmup=0,
        expected=expected,
        measure="top-1, ImageNet, mean of three seeds",
        source=f"{PAPER}, figure not found in public code",
        chosen=(
            "run it with --seed 0, 1 and 2, and take the mean",
            "an incomplete last batch of an epoch is left out, where torchvision's code keeps it",
            *chosen,
        ),
        options=_SUPERVISED,
    )


def _verify(name: str, trained: Experiment) -> Experiment:
    return Experiment(
        name=name,
        title=f"the published weights of {trained.name}: linear probe and neighbours",
        kind="verify",
        hardware="one GPU",
        hosts=0,
        batch=1024,
        epochs=90,
        warmup=0,
        expected=trained.expected,
        source=trained.source,
        chosen=("give the checkpoint by --weights; its own probe took the best epoch, here the last one counts",),
        options={"encoder": RESNET50},
    )


EXPERIMENTS: dict[str, Experiment] = {
    one.name: one
    for one in (
        *MOCO_V3,
        *_kin(
            "byol", "BYOL", "SimSiam's re-run: Chen and He, CVPR 2021", 66.5,
            "the re-run's constants were not read: these are those of BYOL's own code for 100 epochs", _BYOL
        ),
        *_kin(
            "simsiam", "SimSiam", "Chen and He, CVPR 2021", 68.1, REST, _SIMSIAM, batch=512, warmup=0,
            hardware="8 GPUs, 64 photographs each", hosts=1,
        ),
        *_kin(
            "simclr", "SimCLR", "SimSiam's re-run: Chen and He, CVPR 2021", 66.5,
            "the re-run's constants were not read: these are those of SimCLR's paper; its code's decay is 1e-4", _SIMCLR
        ),
        _supervised("supervised", "ResNet-50 by torchvision's first recipe", "rrc+flip", 75.56,
                    "torchvision's own weights by this recipe reach 76.130"),
        _supervised("supervised-rq", "the same with RQ", "rrc+flip+rq", 75.83,
                    "where RQ stands and how strong it is, is not published: last, 8 bins, every sample"),
        _verify("verify-rq-100", RQ_ONLY),
        *CIFAR10,
        *(_verify(f"verify-{one.name.removeprefix('mocov3-')}", one) for one in CROP_RQ),
    )
}  # fmt: skip
