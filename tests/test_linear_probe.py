"""The ImageNet probe: published constants, what is trained and what is not; votes by hand; published weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from folders import textures
from randquant.data.photographs import open_photographs
from randquant.encoder import ForeignEncoder, VisionBackbone, fill_published, make_encoder
from randquant.errors import UserError
from randquant.run import Run
from randquant.settings import EncoderSettings
from randquant.spec import Grid, Spec
from randquant.supervise import linear, linear_probe, vote
from randquant.supervise.linear import probe_of, set_rate

SPEC = Spec((Grid(3, (16, 16), (4, 4)),))


class Means(nn.Module):
    """Colour means, and a batch normalisation that must not move."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.norm(images.mean(dim=(2, 3)))
        return out


def test_the_published_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (linear.EPOCHS, linear.BATCH, linear.BASE, linear.AREA) == (90, 1024, 0.1, 0.08)
    encoder = ForeignEncoder(Means(), SPEC, width=2048)
    probe = probe_of(encoder, 1000, seed=0)
    assert probe.head.weight.shape == (1000, 2048)
    assert float(probe.head.weight.detach().std()) == pytest.approx(0.01, rel=0.01)
    assert float(probe.head.weight.detach().mean()) == pytest.approx(0, abs=1e-4)
    assert not probe.head.bias.any()
    assert len(probe.chain.inputs) == 2  # crop, flip
    optimizer = torch.optim.SGD(probe.head.parameters(), lr=1.0)
    peak = linear.BASE * linear.BATCH / 256
    for epoch in (0, 1, 45, 89):
        expected = 0.4 * 0.5 * (1 + math.cos(math.pi * epoch / 90))
        assert set_rate(optimizer, peak, epoch, 90) == pytest.approx(expected)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected)


def test_only_the_layer_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = open_photographs(textures(tmp_path, 4, 2), side=16)
    encoder = ForeignEncoder(Means(), Spec(data.spec.inputs), width=3).eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    made: list[torch.optim.SGD] = []
    inner = torch.optim.SGD

    def kept(*given: object, **options: object) -> torch.optim.SGD:
        made.append(inner(*given, **options))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(torch.optim, "SGD", kept)
    lines = linear_probe(encoder, data, epochs=3, batch=8, seed=1)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["learning_rate"] for line in lines] == pytest.approx(
        [0.1 * 8 / 256 * 0.5 * (1 + math.cos(math.pi * epoch / 3)) for epoch in range(3)]
    )
    (group,) = made[0].param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 0.0, False)
    assert len(group["params"]) == 2
    assert linear_probe(encoder, data, epochs=3, batch=8, seed=1) == lines


def test_what_the_probe_needs(tmp_path: Path) -> None:
    encoder = ForeignEncoder(Means(), Spec((Grid(3, (16, 16), (16, 16)),)), width=3)
    data = open_photographs(textures(tmp_path / "a", 2, 0), side=16)
    with pytest.raises(UserError, match="needs a test part, and 4 training samples for a batch"):
        linear_probe(encoder, data, batch=4)
    data = open_photographs(textures(tmp_path / "b", 1, 1), side=16)
    with pytest.raises(UserError, match="needs a test part, and 1024 training samples"):
        linear_probe(encoder, data)


def test_votes_by_hand() -> None:
    generator = np.random.default_rng(0)
    train, test = generator.normal(size=(30, 5)), generator.normal(size=(600, 5))
    labels, wanted = generator.integers(0, 3, 30), generator.integers(0, 3, 600)
    right = 0
    for row, label in zip(test, wanted, strict=True):
        cosines = [float(one @ row / math.sqrt((one @ one) * (row @ row))) for one in train]
        nearest = sorted(range(30), key=lambda place: -cosines[place])[:7]
        votes = [sum(math.exp(cosines[one] / 0.1) for one in nearest if labels[one] == kind) for kind in range(3)]
        right += int(np.argmax(votes)) == label
    given = [torch.from_numpy(one) for one in (train, labels, test, wanted)]
    found = vote(given[0].float(), given[1], given[2].float(), given[3], classes=3, neighbours=7)
    assert found == pytest.approx(right / 600)
    own = vote(given[0].float(), given[1], given[0].float(), given[1], classes=3, neighbours=1)
    assert own == 1.0
    assert 0 <= vote(given[0].float(), given[1], given[2].float(), given[3], classes=3) <= 1  # of 30 all


def backbone(seed: int = 0, name: str = "resnet18") -> VisionBackbone:
    encoder = make_encoder(SPEC, EncoderSettings(backbone=name), seed)
    assert isinstance(encoder, VisionBackbone)
    return encoder


@pytest.mark.parametrize("front", ["module.base_encoder.", "module.encoder_q.", "backbone.", ""])
@pytest.mark.parametrize("under", ["state_dict", ""])
def test_published_weights_by_their_names(front: str, under: str, tmp_path: Path) -> None:
    theirs = backbone(1)
    weights = {f"{front}{name}": value for name, value in theirs.module.state_dict().items()}
    weights |= {f"{front}fc.0.weight": torch.zeros(4, 512), "module.momentum_encoder.conv1.weight": torch.zeros(1)}
    torch.save({"epoch": 3, under: weights} if under else weights, tmp_path / "theirs.pth.tar")
    ours = fill_published(tmp_path / "theirs.pth.tar", backbone()).eval()
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(ours((images,)), theirs.eval()((images,)))


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet18"])
def test_weights_of_torchvisions_names_fit_both_libraries(name: str, tmp_path: Path) -> None:
    theirs = backbone(1)
    weights = {f"module.base_encoder.{key}": value for key, value in theirs.module.state_dict().items()}
    torch.save({"state_dict": weights}, tmp_path / "theirs.pth.tar")
    images = torch.rand(2, 3, 32, 32)
    found = fill_published(tmp_path / "theirs.pth.tar", backbone(name=name)).eval()
    torch.testing.assert_close(found((images,)), theirs.eval()((images,)))


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet18"])
def test_weights_of_a_run_by_its_path(name: str, tmp_path: Path) -> None:
    theirs = backbone(1)
    run = Run.create(tmp_path / "run", {"settings": {}, "spec": SPEC.to_dict()})
    run.save_encoder(theirs)
    images = torch.rand(2, 3, 32, 32)
    for path in (run.path, run.path / "encoder.safetensors"):
        found = fill_published(path, backbone(name=name)).eval()
        torch.testing.assert_close(found((images,)), theirs.eval()((images,)))
    (run.path / "encoder.safetensors").write_text("damaged")
    with pytest.raises(UserError, match=r"encoder.safetensors cannot be read"):
        fill_published(run.path, backbone())


def test_weights_of_something_else(tmp_path: Path) -> None:
    encoder = backbone()
    before = encoder.module.conv1.weight.clone()
    torch.save({"state_dict": {"module.base_encoder.conv1.weight": torch.zeros(2)}}, tmp_path / "few.pth")
    torch.save(
        {name: value[:1] for name, value in encoder.module.state_dict().items() if value.ndim}, tmp_path / "x.pth"
    )
    torch.save({"state_dict": nn.Linear}, tmp_path / "code.pth")
    (tmp_path / "no.pth").write_text("nothing")
    wrong = {name: value.reshape(-1)[:1] for name, value in encoder.module.state_dict().items()}
    torch.save(wrong, tmp_path / "shapes.pth")
    for name, message in (
        ("few.pth", r"few.pth holds no resnet18 under any of .* it has no "),
        ("x.pth", r"x.pth holds no resnet18"),
        ("shapes.pth", r"shapes.pth has conv1.weight of shape \(1,\), but resnet18 has \(64, 3, 7, 7\)"),
        ("code.pth", r"code.pth cannot be read"),
        ("no.pth", r"no.pth cannot be read"),
        ("nowhere.pth", r"nowhere.pth is not there"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            fill_published(tmp_path / name, encoder)
        assert "\n" not in str(caught.value)
    assert torch.equal(encoder.module.conv1.weight, before)
