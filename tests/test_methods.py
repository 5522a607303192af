"""methods: one contract over every method and kind of sample, losses against arithmetic written a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant import randomized_quantize
from randquant.data import Batch
from randquant.encoder import DomainAgnosticTransformer, make_encoder
from randquant.errors import UserError
from randquant.methods import METHODS, PARTNERS, make_method
from randquant.methods.cropped import cropped
from randquant.methods.emix import EMix
from randquant.methods.infonce import InfoNCE
from randquant.methods.quantized import QuantizedInputs
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Grid, Spec, Table
from samples import SMALL, SPECS, batch

NAMES = [*METHODS, *(f"crop+{name}" for name in METHODS if name != "crop")]
SETTINGS = MethodSettings(projection=8, crop_smallest=0.8)


def fits(name: str, spec: Spec) -> bool:
    """Whether the views of a method find something to change."""
    words = name.split("+")
    grid = any(one.size for one in spec.inputs)
    numbers = any(one.channels for one in spec.inputs)
    return (grid or "crop" not in words) and (numbers or "rq" not in words)


def build(name: str, spec: Spec) -> tuple[DomainAgnosticTransformer, EMix | InfoNCE]:
    encoder = make_encoder(spec, SMALL, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return encoder, make_method(name, encoder, SETTINGS)


def draws(samples: Batch, seed: int = 0) -> Draws:
    return Draws(seed, 0, samples.ids)


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str, kind: str) -> None:
    spec = SPECS[kind]
    if not fits(name, spec):
        with pytest.raises(UserError, match=r"^method: ") as caught:
            build(name, spec)
        assert "\n" not in str(caught.value)
        return
    encoder, method = build(name, spec)
    samples = batch(spec)
    loss = method(encoder, samples, draws(samples), 0.0)
    assert loss.value.shape == ()
    assert math.isfinite(loss.value.item())
    assert 0 <= loss.metrics.get("accuracy", 0) <= 1
    assert not any(value.requires_grad for value in loss.metrics.values())
    loss.value.backward()
    for parameter_name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0 or not parameter.numel(), parameter_name
    owned = [parameter for group in method.parameter_groups() for parameter in group["params"]]
    assert {id(one) for one in owned} == {id(one) for one in method.parameters()}
    assert all(one.grad is not None for one in owned)

    encoder.eval()
    again = [method(encoder, samples, draws(samples, seed), 0.5).value.item() for seed in (3, 3, 4)]
    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls_on_a_toy_problem(name: str) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=2e-3)
    samples = batch(spec, 16)
    losses = []
    for step in range(100):
        torch.manual_seed(step)  # dropout
        loss = method(encoder, samples, draws(samples, step), step / 100).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1


def normalised_logits(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    queries = queries / np.sqrt((queries**2).sum(axis=1, keepdims=True))
    keys = keys / np.sqrt((keys**2).sum(axis=1, keepdims=True))
    return np.array([[query @ key for key in keys] for query in queries]) / SETTINGS.temperature


def cross_entropy(row: np.ndarray, target: int) -> float:
    return float(np.log(np.exp(row).sum()) - row[target])


def test_emix_by_hand_in_float64() -> None:
    """One sample after another, one logit after another; weights stay with their samples."""
    spec = SPECS["image+text"]
    encoder, method = build("emix", spec)
    encoder, method = encoder.double().eval(), method.double()
    image, text = batch(spec).inputs
    samples = Batch(batch(spec).ids, (image.double(), text))
    shares, partners = draws(samples).uniform("emix/share").double(), draws(samples).permutation("emix/partner")
    queries, keys = [], []
    with torch.no_grad():
        clean, padding = encoder.embed(samples.inputs), encoder.padding(samples.inputs)
        assert padding is not None
        for row, partner in enumerate(partners.tolist()):
            share = max(float(shares[row]), 1 - float(shares[row]))
            mixed = share * clean[[row]] + (1 - share) * clean[[partner]]
            queries.append(method.head(encoder.encode(mixed, padding[[row]] & padding[[partner]]))[0].numpy())
            keys.append(method.head(encoder.encode(clean[[row]], padding[[row]]))[0].numpy())
    logits = normalised_logits(np.array(queries), np.array(keys))
    expected = []
    for row, partner in enumerate(partners.tolist()):
        share = max(float(shares[row]), 1 - float(shares[row]))
        expected.append(share * cross_entropy(logits[row], row) + (1 - share) * cross_entropy(logits[row], partner))
    assert len(set(partners.tolist())) == 5
    assert partners.tolist() != [0, 1, 2, 3, 4]
    loss = method(encoder, samples, draws(samples), 0.0)
    assert loss.value.item() == pytest.approx(np.mean(expected), abs=1e-7)
    assert loss.metrics["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == np.arange(5)))


@pytest.mark.parametrize(
    ("partner_detached", "keys_detached", "same"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_emix_detaches_the_partner_and_nothing_else(partner_detached: bool, keys_detached: bool, same: bool) -> None:
    spec = SPECS["2d"]
    encoder, method = build("emix", spec)
    encoder, method = encoder.double().eval(), method.double()
    samples = Batch(batch(spec).ids, tuple(one.double() for one in batch(spec).inputs))
    weight = encoder.embeddings[0].projection.weight
    (found,) = torch.autograd.grad(method(encoder, samples, draws(samples), 0.0).value, weight)

    share = draws(samples).uniform("emix/share").double()
    share = torch.maximum(share, 1 - share)
    partner = draws(samples).permutation("emix/partner")
    clean = encoder.embed(samples.inputs)
    other = clean[partner].detach() if partner_detached else clean[partner]
    query = method.head(encoder.encode(share[:, None, None] * clean + (1 - share[:, None, None]) * other))
    key = method.head(encoder.encode(clean))
    key = key.detach() if keys_detached else key
    log_shares = (F.cosine_similarity(query[:, None], key[None], dim=2) / 0.2).log_softmax(dim=1)
    rows = torch.arange(5)
    loss = -(share * log_shares[rows, rows] + (1 - share) * log_shares[rows, partner]).mean()
    (expected,) = torch.autograd.grad(loss, weight)
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9) == same


def test_infonce_by_hand_in_float64() -> None:
    """Both directions; two views with draws of their own; keyed quantization of the input."""
    spec = SPECS["2d"]
    encoder, method = build("rq", spec)
    encoder, method = encoder.double().eval(), method.double()
    samples = Batch(batch(spec).ids, tuple(one.double() for one in batch(spec).inputs))
    projections = []
    for view in range(2):
        seen = randomized_quantize(samples.inputs[0], 8, keys=draws(samples).keys("rq/0", view))
        assert not torch.allclose(seen, samples.inputs[0])
        projections.append(method.head(encoder((seen,))).detach().numpy())
    logits = normalised_logits(*projections)
    there = np.mean([cross_entropy(logits[row], row) for row in range(5)])
    back = np.mean([cross_entropy(logits[:, row], row) for row in range(5)])
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx((there + back) / 2, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "golden"), [("emix", 2.057371), ("rq", 2.052008), ("crop", 2.060202), ("crop+rq", 2.063090)]
)
def test_golden_losses(name: str, golden: float) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec)
    encoder.eval()
    samples = batch(spec, 8)
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(golden, abs=1e-5)


class Wave(nn.Module):
    """A user's own encoder: any module that gives features from the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2, 6, 3)

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        out: Tensor = self.convolution(inputs[0]).relu().mean(dim=2)
        return out


def test_a_users_own_encoder() -> None:
    spec = SPECS["1d"]
    samples = batch(spec)
    encoder = Wave()
    make_method("crop+rq", spec, 6, SETTINGS)(encoder, samples, draws(samples), 0.0).value.backward()
    assert encoder.convolution.weight.grad is not None
    assert encoder.convolution.weight.grad.abs().sum() > 0
    with pytest.raises(UserError, match="encoder: emix mixes embeddings"):
        make_method("emix", spec, 6, SETTINGS)(encoder, samples, draws(samples), 0.0)


def test_a_view_that_equals_its_input_is_an_error() -> None:
    spec = SPECS["2d"]
    encoder, method = build("rq", spec)
    for value in (0.0, 0.5):
        flat = Batch(batch(spec).ids, (torch.full((5, 3, 4, 6), value),))
        with pytest.raises(UserError, match="a view equals its input"):
            method(encoder, flat, draws(flat), 0.0)
    # Tiny values are not constant ones.
    tiny = Batch(batch(spec).ids, tuple(one * 1e-8 for one in batch(spec).inputs))
    method(encoder, tiny, draws(tiny), 0.0)


@pytest.mark.parametrize("name", ["emix", "rq"])
def test_a_batch_of_one_is_an_error(name: str) -> None:
    encoder, method = build(name, SPECS["2d"])
    samples = batch(SPECS["2d"], 1)
    with pytest.raises(UserError, match="batch: got 1 sample, must be at least 2"):
        method(encoder, samples, draws(samples), 0.0)


@pytest.mark.parametrize("name", ["", "bogus", "rq+", "emix+rq", "bogus+rq", "none", "crop+none"])
def test_an_unknown_name_is_one_line_with_the_known_ones(name: str) -> None:
    with pytest.raises(UserError, match=r"method: got .*none, emix, rq, crop.* crop\+rq") as caught:
        build(name, SPECS["2d"])
    assert "\n" not in str(caught.value)


def test_a_table_without_limits_cannot_be_quantized() -> None:
    with pytest.raises(UserError, match="limits: rq was given a table without them"):
        Quantized(Spec((Table(2),)), SETTINGS)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", ["1d", "2d", "3d", "table", "image+text"])
def test_views_are_keyed_and_touch_what_they_may(view: str, kind: str) -> None:
    spec = SPECS[kind]
    if not fits(view, spec):
        return
    transform = VIEWS[view](spec, SETTINGS)
    samples = batch(spec)
    first, second = (transform(samples.inputs, draws(samples), number) for number in range(2))
    alone = samples.take(torch.tensor([3, 1]))
    for place, one in enumerate(spec.inputs):
        values, seen = samples.inputs[place], first[place]
        assert seen.shape == values.shape
        assert seen.dtype == values.dtype
        changed = (seen != values).flatten(1)[:, : math.prod(one.shape[1:]) * one.channels]
        assert changed.any() == bool(one.channels)
        if isinstance(one, Table):
            assert torch.equal(seen[:, one.columns :], values[:, one.columns :])
            low, high = torch.tensor(one.limits).T
            numbers = seen[:, : one.columns]
            assert ((numbers >= low - 1e-5) & (numbers <= high + 1e-5)).all()
        assert torch.equal(second[place], seen) == (not one.channels)
        # The same sample gets the same view whatever else is in its batch.
        assert torch.equal(transform(alone.inputs, draws(alone), 0)[place], seen[[3, 1]])


def test_crop_is_a_stretched_box() -> None:
    """Against torch's own sampler, box by box."""
    spec = Spec((Grid(3, (8, 6), (2, 2)),))
    samples = batch(spec)
    (found,) = Cropped(spec, SETTINGS)(samples.inputs, draws(samples), 1)
    numbers = draws(samples).uniform("crop/0", 2, 2, view=1)
    side = SETTINGS.crop_smallest + (1 - SETTINGS.crop_smallest) * numbers[..., 0]  # [B, (rows, columns)]
    middle = 2 * ((1 - side) * numbers[..., 1] + side / 2) - 1
    affine = torch.zeros(5, 2, 3)
    affine[:, 0, 0], affine[:, 0, 2] = side[:, 1], middle[:, 1]
    affine[:, 1, 1], affine[:, 1, 2] = side[:, 0], middle[:, 0]
    grid = F.affine_grid(affine, [5, 3, 8, 6], align_corners=False)
    expected = F.grid_sample(samples.inputs[0], grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_partners_act_in_the_order_of_the_name() -> None:
    spec = SPECS["2d"]
    method = make_method("crop+rq", spec, 16, SETTINGS)
    assert [type(view) for view in method.views] == [Cropped, Quantized]
    assert [type(view) for view in make_method("crop+emix", spec, 16, SETTINGS).views] == [Cropped]
    assert not make_method("emix", spec, 16, SETTINGS).views
