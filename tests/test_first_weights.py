"""first weights of a backbone: the libraries' published ones, for any number of channels, or a file's; no network."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision.models import ResNet18_Weights, get_model

from folders import textures
from randquant.encoder import VisionBackbone, make_encoder, start_encoder
from randquant.errors import UserError
from randquant.pretrain import pretrain
from randquant.settings import EncoderSettings, PretrainSettings, SuperviseSettings
from randquant.spec import Grid, Spec

RESNET = EncoderSettings(backbone="resnet18")


def images(channels: int, side: int = 32) -> Spec:
    return Spec((Grid(channels, (side, side), (16, 16)),))


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A ResNet-18 whose weights lie where torch keeps what it has fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(1)
    model = get_model("resnet18")
    kept = tmp_path / "hub" / "checkpoints" / Path(ResNet18_Weights.DEFAULT.url).name
    kept.parent.mkdir(parents=True)
    torch.save(model.state_dict(), kept)
    return model


def filled(settings: EncoderSettings, channels: int, start: str = "hub", side: int = 32) -> VisionBackbone:
    encoder = start_encoder(images(channels, side), settings, 0, start)
    assert isinstance(encoder, VisionBackbone)
    return encoder


def test_torchvisions_weights_without_their_head(published: nn.Module) -> None:
    weights = filled(RESNET, 3).module.state_dict()
    wanted = {name: value for name, value in published.state_dict().items() if not name.startswith("fc.")}
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], value) for name, value in wanted.items())


@pytest.mark.parametrize("channels", [1, 6, 12])
def test_other_channels_see_in_a_grey_image_what_colours_saw(channels: int, published: nn.Module) -> None:
    grey = torch.rand(2, 1, 32, 32)
    colours, others = published.conv1, filled(RESNET, channels).module.conv1
    assert isinstance(others, nn.Conv2d)
    assert others.in_channels == channels
    seen = others(grey.expand(-1, channels, -1, -1))
    torch.testing.assert_close(seen, colours(grey.expand(-1, 3, -1, -1)), atol=1e-5, rtol=1e-5)


def test_timms_weights_for_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    model = timm.create_model("test_resnet")
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: model.state_dict())
    weights = filled(EncoderSettings(backbone="timm/test_resnet"), 1).module.state_dict()
    for name, value in weights.items():
        wanted = model.state_dict()[name]
        assert torch.allclose(value, wanted if value.shape == wanted.shape else wanted.sum(1, keepdim=True), atol=1e-6)


def test_a_training_starts_there(published: nn.Module, tmp_path: Path) -> None:
    data = str(textures(tmp_path / "data") / "train")
    run = pretrain(
        data, out=tmp_path / "run", encoder=RESNET, method="none", start="hub", steps=1, batch=4, workers=0,
        device="cpu", quiet=True,
    )  # fmt: skip
    weights = run.encoder().module.state_dict()
    assert torch.equal(weights["layer4.1.conv2.weight"], published.state_dict()["layer4.1.conv2.weight"])
    again = filled(RESNET, 3, str(run.path))  # from the run, a path
    assert torch.equal(again.module.state_dict()["conv1.weight"], weights["conv1.weight"])
    drawn = make_encoder(images(3), RESNET, 0)
    assert not torch.equal(drawn.module.state_dict()["conv1.weight"], weights["conv1.weight"])


def test_what_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no way there")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(UserError, match=r"start: torchvision has no weights of resnet18 to give: no way there"):
        filled(RESNET, 3)
    with pytest.raises(UserError, match="start: got hub, but published weights have no stem small"):
        filled(EncoderSettings(backbone="resnet18", stem="small"), 3)
    with pytest.raises(UserError, match=r"weights: .* is not there"):
        filled(RESNET, 3, str(tmp_path / "nowhere"))
    for settings in (PretrainSettings, SuperviseSettings):
        with pytest.raises(UserError, match="start: got hub, but first weights are for a --backbone"):
            settings(data="x", out=tmp_path, start="hub", encoder=EncoderSettings())
