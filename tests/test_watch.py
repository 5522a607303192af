"""watch: collapsed features are told from healthy ones, by what was made to collapse and what was left to learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant.data import Batch, open_data
from randquant.encoder import Encoder, ForeignEncoder, make_encoder
from randquant.methods.chain import Chain
from randquant.methods.quantized import quantized
from randquant.pretrain.watch import WATCHED, sentence, watch
from randquant.settings import EncoderSettings, MethodSettings
from samples import SMALL, SPECS, batch, draws

DIGITS = open_data("digits")
TRAIN = DIGITS.held("train")


class Given(nn.Module):
    """An encoder whose features are its inputs."""

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        return inputs[0]


def seen(features: Tensor) -> dict[str, float]:
    return watch(Given(), Batch(torch.arange(len(features)), (features,)))


def test_what_the_two_numbers_say() -> None:
    corners = torch.eye(8).repeat(2, 1)
    whole = seen(torch.cat([corners, -corners]))
    assert whole["feature_spread"] == pytest.approx(1)
    assert whole["effective_rank"] == pytest.approx(8)
    line = seen(torch.linspace(-1, 1, 16)[:, None] * torch.tensor([[1.0, 2.0, 3.0]]) + 5)
    assert line["effective_rank"] == pytest.approx(1, rel=1e-4)
    point = seen(torch.ones(16, 4))
    assert point["feature_spread"] == pytest.approx(0, abs=1e-6)
    assert point["effective_rank"] == pytest.approx(1)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_no_number_is_no_collapse(value: float) -> None:
    features = torch.eye(8)
    features[0, 0] = value
    found = seen(features)
    assert (found.pop("not_finite"), found.pop("watched")) == (1, 8)
    assert found == seen(torch.eye(8)[1:])
    none = seen(torch.full((8, 4), value))
    assert none == {"not_finite": 8, "watched": 8}
    for watched, told in (({**found, "not_finite": 1.0, "watched": 8.0}, "1 of 8"), (none, "8 of 8")):
        said = sentence(watched)
        assert said is not None
        assert said.startswith(f"the features of {told} samples are NaN or infinite when the encoder is used")
        assert "collapsed" not in said
        assert "\n" not in said


def test_a_batch_norm_that_remembers_no_numbers_is_no_collapse() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64, affine=False), nn.Linear(64, 8))
    foreign = ForeignEncoder(encoder, DIGITS.spec, TRAIN.take(slice(2)).inputs)
    assert sentence(watch(foreign, TRAIN)) is None
    encoder[1].running_var.fill_(torch.nan)
    said = sentence(watch(foreign, TRAIN))
    assert said is not None
    assert said.startswith(f"the features of {WATCHED} of {WATCHED} samples are NaN or infinite")


def test_the_first_samples_are_looked_at_and_the_mode_is_left() -> None:
    features = torch.randn(2 * WATCHED, 4, generator=torch.Generator().manual_seed(0))
    assert seen(features) == seen(features[:WATCHED])
    for training in (True, False):
        module = Given().train(training)
        watch(module, Batch(torch.arange(4), (features[:4],)))
        assert module.training == training


class Broken(nn.Module):
    """A user's own module: of the pixels only their mean is left (`line`), or nothing (`point`)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, images: Tensor) -> Tensor:
        left = images.mean(dim=(1, 2, 3), keepdim=True).flatten(1) if self.kind == "line" else images.new_zeros(1)
        return (left - 0.3) * torch.arange(1.0, 9.0) + torch.tensor([0.0, 1.0]).repeat(4).expand(len(images), 8)


@pytest.mark.parametrize(("kind", "told"), [("point", "look alike to the encoder"), ("line", "lie on one line")])
def test_a_module_that_gives_one_feature_or_one_number_has_collapsed(kind: str, told: str) -> None:
    encoder = ForeignEncoder(Broken(kind), DIGITS.spec, TRAIN.take(slice(2)).inputs)
    said = sentence(watch(encoder, TRAIN))
    assert said is not None
    assert said.startswith(f"the features have collapsed: all samples {told} (feature spread ")
    assert "\n" not in said


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("sizes", [SMALL, EncoderSettings()], ids=["small", "default"])
def test_a_random_encoder_is_healthy(kind: str, sizes: EncoderSettings) -> None:
    found = watch(make_encoder(SPECS[kind], sizes, seed=0), batch(SPECS[kind], 100))
    assert sentence(found) is None
    assert sentence({**found, "view_similarity": 0.9995}) is None


def trained(encoder: Encoder, steps: int, *, repelled: bool) -> dict[str, float]:
    """Pull the views of a sample together; also push samples apart, or leave that and let all fall on one point."""
    chain: Chain = quantized(DIGITS.spec, MethodSettings())
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-3)
    for step in range(steps):
        some = TRAIN.take(torch.arange(128) + 128 * (step % 7))
        views = [chain.change(some.inputs, draws(some, step), view) for view in range(2)]
        first, second = (F.normalize(encoder(inputs), dim=1) for inputs in views)
        alike = first @ second.T
        loss = F.cross_entropy(alike / 0.2, torch.arange(128)) if repelled else -alike.diagonal().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {**watch(encoder, TRAIN), "view_similarity": alike.diagonal().mean().item()}


def test_an_encoder_trained_to_collapse_is_told_from_one_trained_well() -> None:
    well = trained(make_encoder(DIGITS.spec, SMALL, seed=0), 20, repelled=True)
    assert sentence(well) is None
    ill = trained(make_encoder(DIGITS.spec, SMALL, seed=0), 40, repelled=False)
    said = sentence(ill)
    assert said is not None
    assert "all samples look alike to the encoder" in said
    assert "view similarity 1.00" in said
    assert ill["feature_spread"] < 0.3 * watch(make_encoder(DIGITS.spec, SMALL, seed=0), TRAIN)["feature_spread"]


def test_the_sentence() -> None:
    watched = {"feature_spread": 0.004, "effective_rank": 1.24, "view_similarity": 0.9999, "loss": 3.0}
    assert sentence(watched) == (
        "the features have collapsed: all samples look alike to the encoder (feature spread 0.004, effective rank 1.2, "
        "view similarity 1.00); try a smaller learning rate, a larger batch, or a stronger view"
    )


@pytest.mark.parametrize(
    ("spread", "rank", "views", "collapsed"),
    [
        (0.009, 9, None, True),
        (0.02, 9, None, False),
        (0.02, 9, 0.99, False),
        (0.02, 9, 0.9999, True),
        (0.05, 1.6, 0.9999, True),
        (0.05, 1.6, 0.94, False),
        (0.5, 1.4, 0.94, True),
        (0.05, 2.5, 0.9999, False),
        (0.5, 9, float("nan"), False),
    ],
)
def test_views_that_look_alike_make_the_judgement_stricter(
    spread: float, rank: float, views: float | None, collapsed: bool
) -> None:
    watched = {"feature_spread": spread, "effective_rank": rank}
    if views is not None:
        watched["view_similarity"] = views
    assert (sentence(watched) is not None) == collapsed
