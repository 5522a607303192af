"""recipes: every constant of the published trainings, read from the objects that are built, at full size."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from torch import nn

from folders import textures
from randquant.encoder import VisionBackbone, build_encoder, make_encoder
from randquant.errors import UserError
from randquant.methods import Method, make_method, settings_of
from randquant.pretrain.lars import LARS
from randquant.pretrain.optimizers import make_optimizer, set_rate
from randquant.quantize.draw import Draws
from randquant.recipes import RECIPES
from randquant.recipes.experiment import IMAGENET
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.recipes.moco import VIT_SMALL
from randquant.recipes.photographs import run_experiment
from randquant.settings import EncoderSettings, PretrainSettings, RecipeSettings, SuperviseSettings
from randquant.spec import Grid, Spec

SPEC = Spec((Grid(3, (224, 224), (16, 16)),))
EPOCH = IMAGENET // 4096  # steps


class Built(NamedTuple):
    settings: PretrainSettings
    encoder: Any
    method: Any
    optimizer: torch.optim.Optimizer


def build(name: str) -> Built:
    """All of a training at full size, on the meta device."""
    settings = EXPERIMENTS[name].pretraining("imagenet", Path("nowhere"), IMAGENET)
    with torch.device("meta"):
        encoder = build_encoder(SPEC, settings.encoder)
        method = make_method(settings.method, encoder, settings.method_details)
    groups = [{"params": list(encoder.parameters())}, *cast(Method, method).parameter_groups()]
    return Built(settings, encoder, method, make_optimizer(groups, settings))


def count(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def shape(head: nn.Sequential) -> list[tuple[Any, ...]]:
    """Each layer of a head: widths and bias, or width and affine."""
    told: list[tuple[Any, ...]] = []
    for one in head:
        if isinstance(one, nn.Linear):
            told.append((one.in_features, one.out_features, one.bias is not None))
        elif isinstance(one, nn.ReLU):
            told.append(("relu",))
        else:
            told.append((one.num_features, one.affine, one.eps, one.momentum))
    return told


def test_the_published_figures_are_all_there() -> None:
    figures = {name: one.expected for name, one in EXPERIMENTS.items() if one.expected is not None}
    assert figures == {
        "mocov3-100": 68.9,
        "mocov3-300": 72.8,
        "mocov3-1000": 74.6,
        "mocov3-full-rq-100": 69.0,
        "mocov3-crop-rq-100": 67.9,
        "mocov3-crop-rq-instance-100": 64.3,
        "mocov3-crop-rq-300": 71.6,
        "mocov3-crop-rq-800": 72.1,
        "mocov3-rq-100": 42.9,
        "mocov3-vit-small-300": 73.2,
        "byol-100": 66.5,
        "simsiam-100": 68.1,
        "simclr-100": 66.5,
        "supervised": 75.56,
        "supervised-rq": 75.83,
        "verify-rq-100": 42.9,
        "verify-crop-rq-100": 67.9,
        "verify-crop-rq-300": 71.6,
        "verify-crop-rq-800": 72.1,
    }
    for name, one in EXPERIMENTS.items():
        assert name == one.name
        assert one.chosen or one.expected is not None
        assert "\n" not in one.title


def test_mocov3s_heads() -> None:
    built = build("mocov3-crop-rq-100")
    norm = (4096, True, 1e-5, 0.1)
    assert shape(built.method.projector) == [
        (2048, 4096, False), norm, ("relu",), (4096, 256, False), (256, False, 1e-5, 0.1)
    ]  # fmt: skip
    assert shape(built.method.predictor) == [(256, 4096, False), norm, ("relu",), (4096, 256, False)]
    assert (count(built.method.projector), count(built.method.predictor)) == (9_445_376, 2_105_344)
    assert count(built.encoder) == 25_557_032 - 2_049_000
    copied = built.method.momentum
    assert count(copied) == count(built.encoder) + count(built.method.projector)
    assert not any(one.requires_grad for one in copied.parameters())
    assert built.method.temperature == 1.0
    assert built.settings.precision == "16"


@pytest.mark.parametrize(
    ("name", "epochs", "base", "decay", "momentum"),
    [
        ("mocov3-100", 100, 0.6, 1e-6, 0.99),
        ("mocov3-300", 300, 0.3, 1e-6, 0.99),
        ("mocov3-1000", 1000, 0.3, 1.5e-6, 0.996),
        ("mocov3-crop-rq-100", 100, 0.6, 1e-6, 0.99),
        ("mocov3-crop-rq-300", 300, 0.3, 1e-6, 0.99),
        ("mocov3-crop-rq-800", 800, 0.3, 1.5e-6, 0.996),
        ("mocov3-crop-rq-instance-100", 100, 0.6, 1e-6, 0.99),
        ("mocov3-rq-100", 100, 0.6, 1e-6, 0.99),
        ("mocov3-full-rq-100", 100, 0.6, 1e-6, 0.99),
    ],
)
def test_mocov3s_rates_decay_and_momentum(name: str, epochs: int, base: float, decay: float, momentum: float) -> None:
    built = build(name)
    optimizer = built.optimizer
    assert isinstance(optimizer, LARS)
    assert built.settings.batch == 4096
    assert built.settings.steps == epochs * EPOCH == epochs * 312
    peak = base * 4096 / 256

    def published(step: int) -> float:
        epoch = step / EPOCH
        if epoch < 10:
            return peak * epoch / 10
        return peak * 0.5 * (1 + math.cos(math.pi * (epoch - 10) / (epochs - 10)))

    for step in (0, 1, 5 * EPOCH, 10 * EPOCH - 1, 10 * EPOCH, 10 * EPOCH + 1, epochs * EPOCH // 2, epochs * EPOCH - 1):
        assert set_rate(optimizer, built.settings, step) == pytest.approx(published(step), rel=1e-9, abs=1e-12)
        assert all(group["lr"] == pytest.approx(published(step), rel=1e-9) for group in optimizer.param_groups)
        kept = 1 - 0.5 * (1 + math.cos(math.pi * step / EPOCH / epochs)) * (1 - momentum)
        assert built.method.momentum.keeps(step / built.settings.steps) == pytest.approx(kept, rel=1e-12)
    assert set_rate(optimizer, built.settings, 0) == 0.0
    for group in optimizer.param_groups:
        assert (group["momentum"], group["weight_decay"], group["trust"]) == (0.9, decay, 0.001)
    assert built.settings.clip == 0


def test_mocov3_with_a_vision_transformer() -> None:
    built = build("mocov3-vit-small-300")
    model: Any = built.encoder.module
    assert (model.embed_dim, len(model.blocks), built.encoder.width) == (384, 12, 384)
    assert {block.attn.num_heads for block in model.blocks} == {12}
    assert {block.norm1.eps for block in model.blocks} == {1e-6}
    assert (model.patch_embed.proj.kernel_size, model.patch_embed.proj.stride) == ((16, 16), (16, 16))
    assert model.pos_embed.shape == (1, 197, 384)
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    assert frozen == {"pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    norm, plain = (4096, True, 1e-5, 0.1), (256, False, 1e-5, 0.1)
    last = [norm, ("relu",), (4096, 256, False), plain]
    assert shape(built.method.projector) == [(384, 4096, False), norm, ("relu",), (4096, 4096, False), *last]
    assert shape(built.method.predictor) == [(256, 4096, False), *last]
    assert (built.method.temperature, built.settings.batch, built.settings.clip) == (0.2, 4096, 0)
    optimizer = built.optimizer
    assert type(optimizer) is torch.optim.AdamW
    taken = {id(one) for group in optimizer.param_groups for one in group["params"]}
    heads = [*built.method.projector.parameters(), *built.method.predictor.parameters()]
    assert taken == {id(one) for one in [*model.parameters(), *heads] if one.requires_grad}
    for group in optimizer.param_groups:
        assert (group["weight_decay"], group["betas"], group["eps"]) == (0.1, (0.9, 0.999), 1e-8)
    for step, rate in ((0, 0.0), (20 * EPOCH, 1.2e-3), (40 * EPOCH, 2.4e-3), (170 * EPOCH, 1.2e-3)):
        assert set_rate(optimizer, built.settings, step) == pytest.approx(rate)
    assert built.settings.steps == 300 * EPOCH
    assert (built.method.momentum.keeps(0), built.method.momentum.keeps(0.5)) == pytest.approx((0.99, 0.995))
    assert strengths("mocov3-vit-small-300") == {**strengths("mocov3-100"), "crop_area": 0.08}
    views = {"mocov3-vit-small-crop-rq-300": ["rrc", "rq"], "mocov3-vit-small-full-rq-300": ["full", "rq"]}
    for name, wanted in views.items():
        assert changes(name) == wanted
        assert EXPERIMENTS[name].options == EXPERIMENTS["mocov3-vit-small-300"].options
    assert {one.probe_rate for one in EXPERIMENTS.values() if one.options.get("encoder") == VIT_SMALL} == {3.0}
    assert EXPERIMENTS["mocov3-100"].probe_rate == 0.1


def test_lars_takes_all_that_is_trained_once() -> None:
    """Tensors of one dimension are told apart by it in the step itself."""
    built = build("mocov3-100")
    taken = [id(one) for group in built.optimizer.param_groups for one in group["params"]]
    trained = [*built.encoder.parameters(), *built.method.projector.parameters(), *built.method.predictor.parameters()]
    assert sorted(taken) == sorted(id(one) for one in trained)


def test_the_residual_blocks_start_as_the_identity() -> None:
    for name, zero in (("mocov3-crop-rq-100", True), ("simsiam-100", True), ("supervised", False)):
        encoder = build_encoder(SPEC, EXPERIMENTS[name].options["encoder"])
        last = [one.bn3 for one in encoder.modules() if type(one).__name__ == "Bottleneck"]
        assert len(last) == 16
        assert all(bool((one.weight == (0 if zero else 1)).all()) for one in last)


def changes(name: str) -> list[str]:
    """The steps of the views, by the names of what makes them."""
    return EXPERIMENTS[name].method.split("+")[:-1]


def test_the_views_of_each_row() -> None:
    assert changes("mocov3-100") == ["full"]
    assert changes("mocov3-full-rq-100") == ["full", "rq"]
    assert changes("mocov3-crop-rq-100") == changes("mocov3-crop-rq-800") == ["rrc", "rq"]
    assert changes("mocov3-rq-100") == ["rq"]
    assert len(build("mocov3-full-rq-100").method.chain.inputs) == 7  # six of full, then rq
    assert [len(build(name).method.chain.inputs) for name in ("mocov3-crop-rq-100", "mocov3-rq-100")] == [2, 1]
    details = build("mocov3-crop-rq-100").settings.method_details
    told = (details.crop_area, details.bins, details.quantized_views, details.edges, details.values, details.per)
    assert told == (0.2, 8, "both", "random", "random", "channel")
    other = build("mocov3-crop-rq-instance-100").settings.method_details
    assert dataclasses.replace(other, per="channel") == details


def strengths(name: str) -> dict[str, float]:
    details = EXPERIMENTS[name].options["method_details"]
    jitter = ("brightness", "contrast", "saturation", "hue", "jitter_share")
    others = ("crop_area", "gray_share", "blur_share", "second_blur_share", "solarize_share", "second_solarize_share")
    return {one: getattr(details, one) for one in (*jitter, *others, "flip_share", "blur_smallest", "blur_largest")}


def test_the_strengths_of_the_views() -> None:
    """What they do to images is in test_photographs."""
    moco = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "jitter_share": 0.8}
    moco |= {"gray_share": 0.2, "blur_share": 1.0, "second_blur_share": 0.1, "blur_smallest": 0.1, "blur_largest": 2.0}
    moco |= {"solarize_share": 0.0, "second_solarize_share": 0.2, "flip_share": 0.5, "crop_area": 0.2}
    assert strengths("mocov3-100") == moco
    assert strengths("byol-100") == {**moco, "crop_area": 0.08}
    alike = {"blur_share": 0.5, "second_blur_share": 0.5, "second_solarize_share": 0.0}
    assert strengths("simsiam-100") == {**moco, **alike, "saturation": 0.4}
    strong = {"brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.2, "crop_area": 0.08}
    assert strengths("simclr-100") == {**moco, **alike, **strong}


@pytest.mark.parametrize(
    ("name", "area", "brightness", "blurred", "solarized"),
    [
        ("mocov3-100", 0.2, 0.4, (1.0, 0.1), (0.0, 0.2)),
        ("mocov3-vit-small-300", 0.08, 0.4, (1.0, 0.1), (0.0, 0.2)),
        ("byol-100", 0.08, 0.4, (1.0, 0.1), (0.0, 0.2)),
        ("simsiam-100", 0.2, 0.4, (0.5, 0.5), (0.0, 0.0)),
        ("simclr-100", 0.08, 0.8, (0.5, 0.5), (0.0, 0.0)),
    ],
)
def test_what_a_built_methods_views_do(
    name: str, area: float, brightness: float, blurred: tuple[float, float], solarized: tuple[float, float]
) -> None:
    """Crop, jitter, gray, blur, solarization, flip, each asked of images by itself."""
    steps = build(name).method.chain.inputs
    draws = Draws(0, 0, torch.arange(1000))
    ramp = torch.linspace(0, 1, 32).expand(3, 32, 32)
    red = ramp * torch.tensor([1.0, 0.6, 0.3])[:, None, None]
    flat = torch.full((3, 4, 4), 0.3)
    for view in (0, 1):

        def made(step: int, image: torch.Tensor, view: int = view) -> torch.Tensor:
            (out,) = steps[step]((image.expand(1000, -1, -1, -1).contiguous(),), draws, view)
            return cast(torch.Tensor, out)

        wide = made(0, ramp)
        widths = (wide[..., -1] - wide[..., 0]).mean(dim=(1, 2))  # shares of the side
        assert widths.min() == pytest.approx(math.sqrt(area * 3 / 4), abs=0.04)
        light = made(1, flat)[:, 0, 0, 0] / 0.3  # a flat gray image shows the brightness alone
        assert (float(light.min()), float(light.max())) == pytest.approx((1 - brightness, 1 + brightness), abs=0.02)
        told = (made(step, red) - red for step in range(1, 6))
        shares = [float((one.abs().amax(dim=(1, 2, 3)) > 1e-6).double().mean()) for one in told]
        assert shares == pytest.approx([0.8, 0.2, blurred[view], solarized[view], 0.5], abs=0.06)


def test_byol() -> None:
    built = build("byol-100")
    middle = [(4096, True, 1e-5, 0.1), ("relu",), (4096, 256, False)]
    assert shape(built.method.projector) == [(2048, 4096, False), *middle]
    assert shape(built.method.predictor) == [(256, 4096, False), *middle]
    assert isinstance(built.optimizer, LARS)
    assert {(one["weight_decay"], one["momentum"]) for one in built.optimizer.param_groups} == {(1e-6, 0.9)}
    assert set_rate(built.optimizer, built.settings, 10 * EPOCH) == pytest.approx(0.45 * 16)
    assert built.method.momentum.keeps(0) == pytest.approx(0.99)
    assert built.settings.steps == 100 * EPOCH


def test_simsiam() -> None:
    built = build("simsiam-100")
    each, norm = IMAGENET // 512, (2048, True, 1e-5, 0.1)
    assert shape(built.method.projector) == [
        (2048, 2048, False), norm, ("relu",), (2048, 2048, False), norm, ("relu",), (2048, 2048, False),
        (2048, False, 1e-5, 0.1),
    ]  # fmt: skip
    assert shape(built.method.predictor) == [
        (2048, 512, False), (512, True, 1e-5, 0.1), ("relu",), (512, 2048, True)
    ]  # fmt: skip
    optimizer = built.optimizer
    assert type(optimizer) is torch.optim.SGD
    assert all(
        (one["weight_decay"], one["momentum"], one["nesterov"]) == (1e-4, 0.9, False) for one in optimizer.param_groups
    )
    for step, epoch in ((0, 0), (each - 1, 0), (each, 1), (50 * each + 7, 50), (100 * each - 1, 99)):
        rate = 0.1 * 0.5 * (1 + math.cos(math.pi * epoch / 100))
        assert set_rate(optimizer, built.settings, step) == pytest.approx(rate)
        fixed = [one["lr"] for one in optimizer.param_groups if one.get("fixed_rate")]
        assert fixed == [0.1]
    assert built.settings.steps == 100 * each
    predictor = {id(one) for one in built.method.predictor.parameters()}
    (group,) = (one for one in optimizer.param_groups if one.get("fixed_rate"))
    assert {id(one) for one in group["params"]} == predictor


def test_simclr() -> None:
    built = build("simclr-100")
    assert shape(built.method.projector) == [
        (2048, 2048, False), (2048, True, 1e-5, 0.1), ("relu",), (2048, 128, False), (128, True, 1e-5, 0.1)
    ]  # fmt: skip
    assert built.method.temperature == 0.1
    assert isinstance(built.optimizer, LARS)
    assert {one["weight_decay"] for one in built.optimizer.param_groups} == {1e-6}
    assert set_rate(built.optimizer, built.settings, 10 * EPOCH) == pytest.approx(0.3 * 16)


def test_supervised() -> None:
    """Its constants are in test_supervise; the recipe keeps them."""
    for name, augment in (("supervised", "rrc+flip"), ("supervised-rq", "rrc+flip+rq")):
        given = EXPERIMENTS[name].supervision("imagenet", Path("nowhere"))
        plain = SuperviseSettings(data="imagenet", out=Path("nowhere"), augment=augment, workers=given.workers)
        assert given == plain


def test_tiny_changes_sizes_and_what_follows_from_them() -> None:
    samples = 10_000
    for name, one in EXPERIMENTS.items():
        if one.kind != "pretrain":
            continue
        plans = [one.pretraining("data", Path("out"), samples, scale=scale) for scale in ("full", "tiny")]
        full, tiny = (plan.to_dict() for plan in plans)
        sizes = {"steps", "batch", "rate_every", "precision", "workers"}
        differing = {key for key in full if full[key] != tiny[key]}
        assert differing <= {*sizes, "learning_rate", "encoder", "method_details"}, name
        assert {key for key in full["encoder"] if full["encoder"][key] != tiny["encoder"][key]} <= {"backbone"}
        heads = full["method_details"], tiny["method_details"]
        following = {"momentum", "blur_smallest", "blur_largest"}
        assert {key for key in heads[0] if heads[0][key] != heads[1][key]} <= {"hidden", "projection", *following}
        share = 1 if one.options["optimizer"] == "sgd" else math.sqrt(32 / one.batch)
        assert tiny["learning_rate"] == pytest.approx(one.options["learning_rate"] * share)
        side = {"cifar10": 16, "mocov3-vit": 64}.get(name.partition("-small" if "vit" in name else "-")[0], 32)
        assert one.pixels("tiny") == side
        read = settings_of(one.method)
        if "blur_largest" in read:
            assert heads[1]["blur_largest"] == pytest.approx(2.0 * side / one.side)
        if "momentum" not in read:
            continue
        published = one.epochs * ((50_000 if one.side == 32 else IMAGENET) // one.batch)
        kept = 1 - (1 - heads[0]["momentum"]) * published / tiny["steps"]
        assert heads[1]["momentum"] == pytest.approx(max(0.0, kept))
        shorter = one.pretraining("data", Path("out"), samples, scale="tiny", steps=50)
        assert (shorter.steps, shorter.method_details.momentum) == (50, 0.0)


def test_a_published_batch_is_not_cut_to_few_photographs() -> None:
    with pytest.raises(UserError, match="data: 4,095 photographs are fewer than the batch of 4,096; take --scale tiny"):
        EXPERIMENTS["mocov3-100"].pretraining("data", Path("out"), 4095)
    assert EXPERIMENTS["mocov3-100"].pretraining("data", Path("out"), 20, scale="tiny").batch == 20


def tiny(folder: Path, name: str, **changes: Any) -> RecipeSettings:
    data = folder / "data"
    if not data.exists():
        textures(data, 24, 12)
    given = {"data": str(data), "out": folder / name, "scale": "tiny", "device": "cpu", "quiet": True, **changes}
    return RecipeSettings(action="run", name=name, **given)


def scores(folder: Path) -> dict[tuple[str, str], float]:
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return {(line["method"], line["metric"]): line["value"] for line in lines}


def test_every_recipe_says_what_it_takes_and_what_to_expect() -> None:
    for name, one in EXPERIMENTS.items():
        page = one.page()
        for wanted in (f"Command:  randquant recipe run {name} --data", "Hardware: ", "Schedule: ", "Expected: "):
            assert wanted in page
        assert (f"Expected: {one.expected} % (published: " in page) == (one.expected is not None)
        assert RECIPES[name].__doc__ == page
        gpus, each = (int(word) for word in re.findall(r"\d+(?= GPUs)|\d+(?= photographs)", page) or (1, one.batch))
        assert gpus * each == one.batch
        assert (8 * one.hosts or 1) == gpus
        assert ("torchrun" in page) == (gpus > 1)


def test_what_a_recipe_needs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data: got none, but byol-100 needs a folder"):
        RECIPES["byol-100"](RecipeSettings(action="run", name="byol-100", out=tmp_path / "x"))
    for name, value in (("tasks", "digits"), ("seeds", 2), ("processes", 2)):
        with pytest.raises(UserError, match=f"{name}: byol-100 takes none"):
            RECIPES["byol-100"](tiny(tmp_path, "byol-100", **{name: value}))
    with pytest.raises(UserError, match="weights: byol-100 takes none; it trains its own"):
        RECIPES["byol-100"](tiny(tmp_path, "byol-100", weights=tmp_path / "theirs.pth"))
    with pytest.raises(UserError, match="precision: verify-rq-100 takes none"):
        RECIPES["verify-rq-100"](tiny(tmp_path, "verify-rq-100", precision="bf16"))
    few = textures(tmp_path / "few", 4, 1)
    with pytest.raises(UserError, match="has 16 training photographs, the linear probe needs 32"):
        RECIPES["byol-100"](tiny(tmp_path, "byol-100", data=str(few)))
    assert not (tmp_path / "byol-100").exists()
    with pytest.raises(UserError, match="weights: got none, but verify-rq-100 needs the published checkpoint's file"):
        RECIPES["verify-rq-100"](tiny(tmp_path, "verify-rq-100"))


def test_published_weights_are_probed_beside_a_random_encoder(tmp_path: Path) -> None:
    """Those of a checkpoint with MoCo v3's names; here they are random ones from another seed."""
    spec = Spec((Grid(3, (32, 32), (16, 16)),))
    sizes = EncoderSettings(backbone="timm/test_resnet")
    encoder = make_encoder(spec, sizes, seed=5)
    assert isinstance(encoder, VisionBackbone)
    weights = {f"module.base_encoder.{name}": value for name, value in encoder.module.state_dict().items()}
    torch.save({"state_dict": weights}, tmp_path / "theirs.pth.tar")
    textures(tmp_path / "data", 8, 2)
    experiment = dataclasses.replace(EXPERIMENTS["verify-rq-100"], options={"encoder": sizes})
    page = run_experiment(experiment, tiny(tmp_path, "verify-rq-100", weights=tmp_path / "theirs.pth.tar"))
    found = scores(page.parent)
    assert set(found) == {(who, f"{head}_accuracy") for who in ("published", "none") for head in ("linear", "knn")}
    told = page.read_text()
    assert "| published | " in told
    assert "linear, best epoch (published practice)" in told
    assert "There is no published figure" in told


@pytest.mark.parametrize("name", ["mocov3-crop-rq-100", "mocov3-vit-small-full-rq-300"])
def test_a_tiny_run_goes_on_with_what_is_there(name: str, tmp_path: Path) -> None:
    textures(tmp_path / "data", 8, 2)
    given = tiny(tmp_path, name, steps=2)
    page = RECIPES[name](given)
    found = scores(page.parent)
    assert {who for who, _ in found} == {EXPERIMENTS[name].method, "none"}
    assert scores(RECIPES[name](given).parent) == found
