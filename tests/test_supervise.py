"""supervise: torchvision's first recipe at full size, on the meta device; a small training, stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from folders import textures
from randquant.data import Batch, Dataset
from randquant.data.photographs import open_photographs
from randquant.encoder import build_encoder
from randquant.errors import UserError
from randquant.finetune.loop import Classifier
from randquant.quantize.draw import Draws
from randquant.run import Run
from randquant.settings import EncoderSettings, SuperviseSettings
from randquant.spec import Grid, Spec, Target
from randquant.supervise import supervise, training
from randquant.supervise.training import make_chain, make_optimizer, set_rate

IMAGENET = Spec((Grid(3, (224, 224), (16, 16)),), Target("class", 1000))
NOWHERE: Any = {}


def recipe(**changes: Any) -> SuperviseSettings:
    return SuperviseSettings(data="imagenet", out=Path("nowhere"), **changes)


def test_the_published_constants() -> None:
    given = recipe()
    with torch.device("meta"):
        encoder = build_encoder(IMAGENET, given.encoder)
        classifier = Classifier(encoder, 1000, 0)
    assert sum(one.numel() for one in classifier.parameters()) == 25_557_032
    optimizer = make_optimizer(classifier, given)
    assert type(optimizer) is torch.optim.SGD
    (group,) = optimizer.param_groups
    assert len(group["params"]) == len(list(classifier.parameters())) == 161
    assert (group["momentum"], group["nesterov"], group["weight_decay"], group["dampening"]) == (0.9, False, 1e-4, 0)
    rates = [set_rate(optimizer, given, epoch) for epoch in (0, 1, 29, 30, 59, 60, 89)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    assert group["lr"] == pytest.approx(0.001)
    assert (given.epochs, given.batch, given.precision) == (90, 256, "32")


def test_no_residual_block_starts_as_the_identity() -> None:
    encoder = build_encoder(IMAGENET, recipe().encoder)
    norms = [one for one in encoder.modules() if isinstance(one, nn.BatchNorm2d)]
    assert len(norms) == 53
    assert all(bool((one.weight == 1).all()) for one in norms)


def test_the_published_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crop of 8 % to all of the area, then a flip of half of the samples; with rq, a third step."""
    data = Dataset("squares", Spec((Grid(3, (64, 64), (8, 8)),), Target("class", 2)), NOWHERE)
    assert [len(make_chain(recipe(augment=one), data).inputs) for one in ("none", "rrc+flip", "rrc+flip+rq")] == [
        0,
        2,
        3,
    ]
    crop, flip = make_chain(recipe(), data).inputs
    draws = Draws(0, 0, torch.arange(1000))
    images = torch.linspace(0, 1, 64).expand(1000, 3, 64, 64).contiguous()
    (cut,) = crop((images,), draws, 0)
    widths = (cut[..., -1] - cut[..., 0]).mean(dim=(1, 2))  # the share of the side that is kept
    assert 0.2 < widths.min() < 0.3  # 8 % of the area, at a ratio of 3 to 4
    assert widths.max() > 0.95
    (mirrored,) = flip((images,), draws, 0)
    assert (mirrored[:, 0, 0, 0] == 1).double().mean() == pytest.approx(0.5, abs=0.05)


def small(folder: Path, out: Path, **changes: Any) -> SuperviseSettings:
    options = {"epochs": 2, "batch": 8, "side": 16, "learning_rate": 0.02, "workers": 0, "quiet": True}
    encoder = EncoderSettings(backbone="resnet18")
    return SuperviseSettings(data=str(folder), out=out, encoder=encoder, **{**options, **changes})


def weights(run: Run) -> torch.Tensor:
    return torch.cat([one.flatten() for one in run.encoder().parameters()])


@pytest.mark.parametrize("augment", ["rrc+flip", "rrc+flip+rq"])
def test_stopped_and_gone_on_with_equals_uninterrupted(
    augment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = textures(tmp_path / "data", 4, 2)
    whole = supervise(small(folder, tmp_path / "whole", augment=augment))
    lines = whole.metrics()
    assert [(line["epoch"], line["step"], line["learning_rate"]) for line in lines] == [(1, 2, 0.02), (2, 4, 0.02)]
    assert all(0 <= line["test_accuracy"] <= 1 for line in lines)
    judged: list[float] = []

    def stop(*given: Any) -> Any:
        if judged:
            raise KeyboardInterrupt
        judged.append(0.0)
        return 0.0, 0.0

    with monkeypatch.context() as patched:
        patched.setattr(training, "judge", stop)
        with pytest.raises(KeyboardInterrupt):
            supervise(small(folder, tmp_path / "stopped", augment=augment))
    resumed = supervise(small(folder, tmp_path / "stopped", augment=augment, resume=True))
    assert torch.equal(weights(resumed), weights(whole))
    assert [line["epoch"] for line in resumed.metrics()] == [1, 2]
    assert resumed.metrics()[-1]["loss"] == lines[-1]["loss"]
    with pytest.raises(UserError, match=r"batch: got 4, but it was started with 8; .* resumed unchanged"):
        supervise(small(folder, tmp_path / "stopped", augment=augment, resume=True, batch=4))


def test_rq_changes_what_is_learnt(tmp_path: Path) -> None:
    folder = textures(tmp_path / "data", 2, 0)
    plain, quantized = (
        supervise(small(folder, tmp_path / name, epochs=1, augment=name)) for name in ("rrc+flip", "rrc+flip+rq")
    )
    assert not torch.equal(weights(plain), weights(quantized))
    assert "test_accuracy" not in plain.metrics()[0]


def test_data_in_memory(tmp_path: Path) -> None:
    samples = open_photographs(textures(tmp_path / "data", 4, 0), side=16).parts["train"].take(torch.arange(16))
    spec = Spec((Grid(3, (16, 16), (4, 4)),), Target("class", 4))
    data = Dataset("textures", spec, {"train": samples, "test": samples})
    run = supervise(small(tmp_path, tmp_path / "run", augment="full", epochs=1), data)
    assert run.metrics()[0]["epoch"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": "rrc+bogus"}, "augment: got 'rrc\\+bogus'"),
        ({"batch": 64}, "batch: got 64, must be at most the 8 training samples"),
        ({"learning_rate": 1e30}, "learning_rate: the loss became"),
    ],
)
def test_what_cannot_be_is_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = textures(tmp_path / "data", 2, 0)
    with pytest.raises(UserError, match=message) as caught:
        supervise(small(folder, tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)


def test_one_class_says_nothing(tmp_path: Path) -> None:
    one = Spec((Grid(3, (16, 16), (4, 4)),), Target("class", 1))
    samples = Batch(torch.arange(8), (torch.rand(8, 3, 16, 16),), torch.zeros(8, dtype=torch.long))
    with pytest.raises(UserError, match="has 1 class, needs 2 at least"):
        supervise(small(tmp_path, tmp_path / "run"), Dataset("one", one, {"train": samples}))
    with pytest.raises(UserError, match="data: none has no labels"):
        supervise(small(tmp_path, tmp_path / "run"), Dataset("none", Spec(one.inputs), {"train": samples}))


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("rate_factor", 0.0), ("optimizer_momentum", 1.0), ("side", 4)]
)
def test_settings_check_themselves(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^{name}: got {value}"):
        recipe(**{name: value})
