"""vision backbones: widths, parameter counts, channels, stems, residual starts; rebuilt in a fresh process; trained."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from randquant.data import Batch, Dataset
from randquant.encoder import VisionBackbone, make_encoder
from randquant.encoder.pooling import MaxPool2d, hasten_pooling
from randquant.encoder.vision import normalised
from randquant.errors import UserError
from randquant.pretrain import pretrain
from randquant.run import Run
from randquant.settings import EncoderSettings
from randquant.spec import Grid, Spec, Target

SMALL = EncoderSettings(backbone="resnet18", stem="small")


def images(channels: int, side: int) -> Spec:
    return Spec((Grid(channels, (side, side), (side, side)),))


def built(name: str, channels: int = 3, side: int = 224, **changes: Any) -> VisionBackbone:
    """On the meta device: shapes, no numbers."""
    with torch.device("meta"):
        return VisionBackbone(images(channels, side), EncoderSettings(backbone=name, **changes))


def count(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


@pytest.mark.parametrize(
    ("name", "width", "parameters"),
    [
        ("resnet50", 2048, 25_557_032 - 2_049_000),  # the published number, less the head's
        ("resnet18", 512, 11_689_512 - 513_000),
        ("timm/resnet50", 2048, 25_557_032 - 2_049_000),
        ("vit_small_patch16_224", 384, 22_050_664 - 385_000),
        ("convnext_tiny", 768, 28_589_128 - 769_000),
        ("vit_b_16", 768, 86_567_656 - 769_000),
    ],
)
def test_a_model_of_the_published_size_without_its_head(name: str, width: int, parameters: int) -> None:
    encoder = built(name)
    assert encoder.width == width
    assert count(encoder) == parameters
    assert encoder((torch.empty(2, 3, 224, 224, device="meta"),)).shape == (2, width)


@pytest.mark.parametrize("shape", [(3, 5, 9, 8), (1, 64, 7, 7), (2, 1, 4, 6)])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, stride=2, padding=1), nn.MaxPool2d(2, ceil_mode=True)], ids=str)
def test_fast_pooling_gives_torchs_bits_and_gradients(pool: nn.MaxPool2d, shape: tuple[int, ...]) -> None:
    """Ties too, of which a rectifier makes many."""
    model = nn.Sequential(copy.copy(pool))
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0)).clamp(min=0)
    images[0, 0, 0, 0] = math.nan
    weight = torch.randn(model(images).shape, generator=torch.Generator().manual_seed(1))
    given = []
    for _ in range(2):  # torch's, then ours
        leaf = images.clone().requires_grad_()
        pooled = model(leaf)
        pooled.backward(weight)
        assert leaf.grad is not None
        given.append((pooled.detach(), leaf.grad, model(images)))
        assert all(one.is_contiguous() for one in given[-1])
        hasten_pooling(model)
    assert type(model[0]) is MaxPool2d
    for torchs, ours in zip(*given, strict=True):
        torch.testing.assert_close(ours, torchs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["resnet50", "timm/resnet18", "vit_small_patch16_224"])
@pytest.mark.parametrize("channels", [1, 12])
def test_any_number_of_channels(name: str, channels: int) -> None:
    """Only the first layer is another."""
    encoder, colours = built(name, channels, 64), built(name, 3, 64)
    first = next(one for one in encoder.modules() if isinstance(one, nn.Conv2d))
    assert first.in_channels == channels
    each = first.weight[:, 0].numel()
    assert count(encoder) - count(colours) == (channels - 3) * each
    assert encoder((torch.empty(2, channels, 64, 64, device="meta"),)).shape == (2, encoder.width)


def test_a_first_layer_for_other_channels_starts_as_that_for_colours() -> None:
    spreads = []
    for channels in (3, 12):
        encoder = make_encoder(images(channels, 32), EncoderSettings(backbone="resnet18"), seed=0)
        assert isinstance(encoder, VisionBackbone)
        spreads.append(float(encoder.module.conv1.weight.detach().std()))
    assert spreads[1] == pytest.approx(spreads[0], rel=0.03)


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet18", "resnet50"])
def test_the_small_stem(name: str) -> None:
    encoder = built(name, side=32, stem="small")
    first: Any = encoder.module.conv1
    assert (first.kernel_size, first.stride, first.padding, first.bias) == ((3, 3), (1, 1), (1, 1), None)
    sizes: list[torch.Size] = []
    encoder.module.layer1.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[2:]))
    encoder((torch.empty(2, 3, 32, 32, device="meta"),))
    assert sizes == [(32, 32)]


@pytest.mark.parametrize(("name", "blocks"), [("resnet18", 8), ("resnet50", 16), ("timm/resnet50", 16)])
@pytest.mark.parametrize("zero", [True, False])
def test_residual_blocks_start_as_asked(name: str, blocks: int, zero: bool) -> None:
    encoder = make_encoder(images(3, 32), EncoderSettings(backbone=name, zero_init_residual=zero), seed=0)
    last = [
        one.bn3 if hasattr(one, "bn3") else one.bn2
        for one in encoder.modules()
        if type(one).__name__ in ("BasicBlock", "Bottleneck")
    ]
    assert len(last) == blocks
    assert all(bool((one.weight == (0 if zero else 1)).all()) for one in last)


def test_a_vision_transformer_starts_as_mocov3s() -> None:
    settings = EncoderSettings(backbone="timm/test_vit", stem="mocov3")
    encoder = make_encoder(images(3, 64), settings, seed=0)
    assert isinstance(encoder, VisionBackbone)
    model: Any = encoder.module
    width = model.embed_dim
    for name, one in model.named_modules():
        if isinstance(one, nn.Linear):
            leaving = width if "qkv" in name else one.out_features  # queries, keys and values are layers of their own
            bound = (6 / (leaving + one.in_features)) ** 0.5
            assert 0.98 * bound < float(one.weight.detach().abs().max()) <= bound
            assert not one.bias.detach().any()
    bound = (6 / (3 * 16 * 16 + width)) ** 0.5
    assert 0.98 * bound < float(model.patch_embed.proj.weight.abs().max()) <= bound
    assert 0 < float(model.cls_token.detach().abs().max()) < 1e-5
    for row, column in ((0, 0), (1, 3), (2, 1)):
        wanted = []
        for place in (row, column):
            angles = [place / 10_000 ** (number / (width // 4)) for number in range(width // 4)]
            wanted += [math.sin(one) for one in angles] + [math.cos(one) for one in angles]
        torch.testing.assert_close(model.pos_embed[0, 1 + 4 * row + column], torch.tensor(wanted))
    assert not model.pos_embed[0, 0].any()
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert not trained & {"pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert "cls_token" in trained


def test_colours_are_normalised_and_nothing_else() -> None:
    colours, others = torch.rand(2, 3, 4, 4), torch.rand(2, 5, 4, 4)
    expected = torch.stack(
        [
            (colours[:, place] - mean) / spread
            for place, (mean, spread) in enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True))
        ],
        dim=1,
    )
    torch.testing.assert_close(normalised(colours), expected)
    assert normalised(others) is others
    encoder = make_encoder(images(3, 4), SMALL, seed=0).eval()
    assert isinstance(encoder, VisionBackbone)
    torch.testing.assert_close(encoder((colours,)), encoder.module(expected))


def test_weights_are_a_function_of_the_seed() -> None:
    before = torch.random.get_rng_state()
    one, same, other = (make_encoder(images(3, 8), SMALL, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    first, second, third = (torch.cat([w.flatten() for w in m.parameters()]) for m in (one, same, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "resnet5"}, r"backbone: got 'resnet5', must be .* did you mean .*resnet50"),
        ({"backbone": "torchvision/vit_small_patch16_224"}, "backbone: got 'torchvision/vit_small"),
        ({"backbone": "nowhere/resnet18"}, "backbone: got 'nowhere/resnet18'"),
        ({"backbone": "squeezenet1_0"}, "ends in no linear layer"),
        ({"backbone": "vgg11_bn", "stem": "small"}, "stem: got small for vgg11_bn"),
        ({"backbone": "timm/resnet18", "stem": "mocov3"}, "stem: got mocov3 for timm/resnet18"),
        ({"backbone": "densenet121", "zero_init_residual": True}, "zero_init_residual: densenet121"),
        ({"backbone": "vit_b_16"}, "backbone: vit_b_16 takes no images of 3x20x20"),
        ({"backbone": "vgg11"}, "vgg11 takes no images of 3x20x20"),
    ],
)
def test_what_cannot_be_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught, torch.device("meta"):
        VisionBackbone(images(3, 20), EncoderSettings(**changes))
    assert "\n" not in str(caught.value)


def test_samples_that_are_no_images() -> None:
    for spec in (Spec((Grid(2, (12,), (4,)),)), Spec((Grid(3, (8, 8), (4, 4)), Grid(3, (8, 8), (4, 4))))):
        with pytest.raises(UserError, match="backbone: resnet18 takes one image a sample"):
            make_encoder(spec, SMALL, seed=0)


@pytest.mark.parametrize("changes", [{"stem": "small"}, {"zero_init_residual": True}])
def test_a_stem_without_a_backbone(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"^backbone: got none"):
        EncoderSettings(**changes)


def test_a_training_and_its_encoder_in_a_fresh_process(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels: Tensor = torch.rand(16, 3, 8, 8, generator=generator)
    labels = torch.arange(16) % 2
    data = Dataset("dots", Spec(images(3, 8).inputs, Target("class", 2)), {
        "train": Batch(torch.arange(16), (pixels,), labels)
    })  # fmt: skip
    run = pretrain(data, out=tmp_path / "run", encoder=SMALL, method="rq+mocov3", steps=2, batch=8, quiet=True)
    encoder = run.encoder()
    assert isinstance(encoder, VisionBackbone)
    torch.save(pixels, tmp_path / "pixels.pt")
    code = (
        "import sys, torch; from randquant.run import Run; folder, pixels, out = sys.argv[1:];"
        "torch.save(Run.open(folder).encoder()((torch.load(pixels),)), out)"
    )
    paths = [str(tmp_path / name) for name in ("run", "pixels.pt", "features.pt")]
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
    assert torch.equal(torch.load(paths[2]), encoder((pixels,)))
    untrained = make_encoder(encoder.spec, encoder.settings, seed=0)
    assert not torch.equal(untrained.module.conv1.weight, encoder.module.conv1.weight)
    # The names of the weights are the model's own.
    from torchvision.models import resnet18

    model = resnet18()
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    found = Run.open(tmp_path / "run").encoder().module.state_dict()
    assert {*model.state_dict()} - {*found} == {"fc.weight", "fc.bias"}
    assert model.load_state_dict(found, strict=False).unexpected_keys == []
