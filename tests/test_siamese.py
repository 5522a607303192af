"""mocov3, byol, simsiam, simclr: losses against numpy, the momentum encoder against its formula, heads at full size."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from randquant.data import Batch
from randquant.encoder import DomainAgnosticTransformer, ForeignEncoder, make_encoder
from randquant.errors import UserError
from randquant.methods import make_method
from randquant.methods.batch_norm import BatchNorm, share_batch_norms
from randquant.methods.heads import mlp
from randquant.methods.momentum import MomentumEncoder
from randquant.quantize import randomized_quantize
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from samples import SMALL, SPECS, batch

NAMES = ["mocov3", "byol", "simsiam", "simclr"]
FOLLOWED = ["mocov3", "byol"]  # those with a momentum encoder
SETTINGS = MethodSettings(projection=8, hidden=12, momentum=0.9)
SPEC = SPECS["2d"]


def build(name: str, spec: Any = SPEC, **changes: Any) -> tuple[DomainAgnosticTransformer, Any]:
    encoder = make_encoder(spec, replace(SMALL, dropout=0.0), seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return encoder, make_method(name, encoder, replace(SETTINGS, **changes))


def draws(samples: Batch, seed: int = 0) -> Draws:
    return Draws(seed, 0, samples.ids)


def doubles(count: int = 5) -> Batch:
    samples = batch(SPEC, count)
    return Batch(samples.ids, (samples.inputs[0].double(),))


def step(encoder: nn.Module, method: Any) -> None:
    """An optimizer step of a kind: everything that is trained moves."""
    with torch.no_grad():
        for place, group in enumerate([{"params": list(encoder.parameters())}, *method.parameter_groups()]):
            for one in group["params"]:
                one.add_(0.1 * torch.linspace(-1 - place, 1, one.numel(), dtype=one.dtype).reshape(one.shape))


def normalise(values: np.ndarray, layer: Any = None) -> np.ndarray:
    """Batch normalisation, a column after another."""
    columns = [(one - one.mean()) / math.sqrt(((one - one.mean()) ** 2).mean() + 1e-5) for one in values.T]
    if layer is None or layer.weight is None:
        return np.stack(columns, axis=1)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return np.stack([w * one + b for w, b, one in zip(weight, bias, columns, strict=True)], axis=1)


def run_head(head: nn.Sequential, values: np.ndarray) -> np.ndarray:
    for layer in head:
        if isinstance(layer, nn.Linear):
            values = values @ layer.weight.detach().numpy().T
            values = values if layer.bias is None else values + layer.bias.detach().numpy()
        else:
            values = np.maximum(values, 0) if isinstance(layer, nn.ReLU) else normalise(values, layer)
    return values


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / math.sqrt((one * one).sum() * (other * other).sum()))


def cross_entropy(logits: list[float], target: int) -> float:
    return math.log(sum(math.exp(one) for one in logits)) - logits[target]


def features(encoder: nn.Module, samples: Batch) -> list[np.ndarray]:
    """Of both quantized views, [B, D] each."""
    seen = [randomized_quantize(samples.inputs[0], 8, keys=draws(samples).keys("rq/0", view)) for view in range(2)]
    with torch.no_grad():
        return [encoder((one,)).numpy() for one in seen]


def expected_loss(name: str, method: Any, online: list[np.ndarray], followed: list[np.ndarray]) -> tuple[float, float]:
    """Loss and accuracy from the features of encoder and momentum encoder, one cosine after another."""
    temperature, count = SETTINGS.temperature, len(online[0])
    if name == "simclr":
        views = run_head(method.projector, np.concatenate(online))
        losses, found = [], []
        for row, view in enumerate(views):
            others = [place for place in range(2 * count) if place != row]
            logits = [cosine(view, views[place]) / temperature for place in others]
            target = others.index((row + count) % (2 * count))
            losses.append(cross_entropy(logits, target))
            found.append(np.argmax(logits) == target)
        return float(np.mean(losses)), float(np.mean(found))
    projections = [run_head(method.projector, one) for one in online]
    first, second = (run_head(method.predictor, one) for one in projections)
    if name == "simsiam":
        there = [cosine(first[row], projections[1][row]) for row in range(count)]
        back = [cosine(second[row], projections[0][row]) for row in range(count)]
        return -(float(np.mean(there)) / 2 + float(np.mean(back)) / 2), math.nan
    keys = [run_head(method.momentum.projector, one) for one in followed]
    if name == "byol":
        there = [2 - 2 * cosine(first[row], keys[1][row]) for row in range(count)]
        back = [2 - 2 * cosine(second[row], keys[0][row]) for row in range(count)]
        return float(np.mean(there) + np.mean(back)), math.nan
    there_logits = [[cosine(query, key) / temperature for key in keys[1]] for query in first]
    back_logits = [[cosine(query, key) / temperature for key in keys[0]] for query in second]
    there = [cross_entropy(logits, row) for row, logits in enumerate(there_logits)]
    back = [cross_entropy(logits, row) for row, logits in enumerate(back_logits)]
    accuracy = np.mean([np.argmax(logits) == row for row, logits in enumerate(there_logits)])
    return float(2 * temperature * np.mean(there) + 2 * temperature * np.mean(back)), float(accuracy)


@pytest.mark.parametrize("name", NAMES)
def test_losses_by_hand_in_float64(name: str) -> None:
    """After a step, so that momentum encoder and encoder differ."""
    encoder, method = build(f"rq+{name}")
    encoder, method, samples = encoder.double(), method.double(), doubles()
    step(encoder, method)
    loss = method(encoder, samples, draws(samples), 0.25)
    online = features(encoder, samples)
    followed = features(method.momentum.encoder, samples) if name in FOLLOWED else []
    value, accuracy = expected_loss(name, method, online, followed)
    assert loss.value.item() == pytest.approx(value, abs=1e-9)
    assert set(loss.metrics) == {"view_similarity"} | ({"accuracy"} if not math.isnan(accuracy) else set())
    if not math.isnan(accuracy):
        assert loss.metrics["accuracy"].item() == pytest.approx(accuracy)
    similarity = np.mean([cosine(one, other) for one, other in zip(*online, strict=True)])
    assert loss.metrics["view_similarity"].item() == pytest.approx(similarity, abs=1e-9)
    assert not any(one.requires_grad for one in loss.metrics.values())


@pytest.mark.parametrize(
    ("name", "golden"), [("mocov3", 1.437199), ("byol", 3.224110), ("simsiam", 0.006452), ("simclr", 1.323073)]
)
def test_golden_losses(name: str, golden: float) -> None:
    encoder, method = build(f"rq+{name}")
    samples = batch(SPEC, 8)
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(golden, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["1d", "3d", "table", "image+text"])
def test_gradient_reaches_encoder_and_heads_and_nothing_else(name: str, kind: str) -> None:
    encoder, method = build(f"rq+{name}", SPECS[kind])
    samples = batch(SPECS[kind])
    method(encoder, samples, draws(samples), 0.0).value.backward()
    owned = [one for group in method.parameter_groups() for one in group["params"]]
    for one in [*encoder.parameters(), *owned]:
        assert one.grad is not None
    assert all(one.grad.abs().sum() > 0 for one in encoder.parameters() if one.numel())
    assert {id(one) for one in owned} == {id(one) for one in method.parameters() if one.requires_grad}
    followed = [one for one_name, one in method.named_parameters() if one_name.startswith("momentum.")]
    assert bool(followed) == (name in FOLLOWED)
    assert all(one.grad is None and not one.requires_grad for one in followed)


def test_simsiams_targets_get_no_gradient() -> None:
    """With targets held fixed as numbers the gradient is the same."""
    encoder, method = build("rq+simsiam")
    encoder, method, samples = encoder.double(), method.double(), doubles()
    weight = encoder.embeddings[0].projection.weight
    (found,) = torch.autograd.grad(method(encoder, samples, draws(samples), 0.0).value, weight)
    seen = [randomized_quantize(samples.inputs[0], 8, keys=draws(samples).keys("rq/0", view)) for view in range(2)]
    first, second = (method.projector(encoder((one,))) for one in seen)
    fixed = [torch.tensor(one.detach().numpy()) for one in (first, second)]
    there = torch.cosine_similarity(method.predictor(first), fixed[1])
    back = torch.cosine_similarity(method.predictor(second), fixed[0])
    (expected,) = torch.autograd.grad(-(there + back).mean() / 2, weight)
    torch.testing.assert_close(found, expected)


def test_simclrs_gradient_flows_through_candidates_too() -> None:
    encoder, method = build("rq+simclr")
    encoder, method, samples = encoder.double(), method.double(), doubles()
    weight = method.projector[0].weight
    (found,) = torch.autograd.grad(method(encoder, samples, draws(samples), 0.0).value, weight)
    slope = torch.zeros_like(weight)
    slope[0, :4] = torch.tensor([1.0, -2.0, 0.5, 1.0])
    losses = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * 1e-6 * slope)
            losses.append(method(encoder, samples, draws(samples), 0.0).value.item())
            weight.sub_(sign * 1e-6 * slope)
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx((found * slope).sum().item(), rel=1e-5)


def test_simsiams_predictor_keeps_its_learning_rate() -> None:
    _, method = build("rq+simsiam")
    projector, predictor = method.parameter_groups()
    assert "fixed_rate" not in projector
    assert predictor["fixed_rate"] is True
    assert {id(one) for one in predictor["params"]} == {id(one) for one in method.predictor.parameters()}


@pytest.mark.parametrize("start", [0.0, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("progress", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_the_momentum_encoders_values(start: float, progress: float) -> None:
    encoder, method = build("rq+byol")
    follower = MomentumEncoder(encoder, method.projector, start)
    before = [one.clone() for one in follower.parameters()]
    step(encoder, method)
    follower.update(encoder, method.projector, progress)
    kept = 1 - 0.5 * (1 + math.cos(math.pi * progress)) * (1 - start)
    assert follower.keeps(progress) == pytest.approx(kept)
    originals = [*encoder.parameters(), *method.projector.parameters()]
    for found, old, theirs in zip(follower.parameters(), before, originals, strict=True):
        torch.testing.assert_close(found, kept * old + (1 - kept) * theirs.detach())


def test_the_published_momentum_half_way() -> None:
    _, method = build("rq+mocov3", momentum=0.99)
    assert [method.momentum.keeps(one) for one in (0.0, 0.5, 1.0)] == pytest.approx([0.99, 0.995, 1.0])


@pytest.mark.parametrize("name", FOLLOWED)
def test_queries_then_update_then_keys_of_the_same_views(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys come from the updated copy, queries from the parameters of before; both see the same inputs and draws."""
    encoder, method = build(f"rq+{name}", at="both")
    encoder, method, samples = encoder.double(), method.double(), doubles()
    step(encoder, method)
    events: list[str] = []
    seen: dict[str, list[Tensor]] = {"online": [], "copy": []}
    for who, one in (("online", encoder), ("copy", method.momentum.encoder)):
        inner = one.encode

        def encode(tokens: Tensor, padding: Any = None, who: str = who, inner: Any = inner) -> Tensor:
            events.append(who)
            seen[who].append(tokens.detach().clone())
            out: Tensor = inner(tokens, padding)
            return out

        monkeypatch.setattr(one, "encode", encode)
    update = method.momentum.update

    def recorded_update(*given: Any) -> None:
        events.append("update")
        update(*given)
        # With the same weights, the same inputs and draws give the same quantized embeddings.
        method.momentum.encoder.load_state_dict(encoder.state_dict())

    monkeypatch.setattr(method.momentum, "update", recorded_update)
    method(encoder, samples, draws(samples), 0.5)
    assert events == ["online", "online", "update", "copy", "copy"]
    for online, copied in zip(seen["online"], seen["copy"], strict=True):
        assert torch.equal(online, copied)
    assert not torch.equal(seen["copy"][0], seen["copy"][1])


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_batches_of_one_step_update_once(name: str) -> None:
    encoder, method = build(f"rq+{name}")
    samples = batch(SPEC)
    copied = copy.deepcopy(list(method.momentum.encoder.parameters()))
    method(encoder, samples, draws(samples), 0.0)
    for one, other in zip(method.momentum.encoder.parameters(), copied, strict=True):
        assert torch.equal(one, other)  # nothing has changed yet, so nothing moves
    step(encoder, method)

    def weights() -> Tensor:
        return torch.cat([one.flatten() for one in method.momentum.parameters()])

    seen = [weights()]
    for progress in (0.0, 1 / 3, 1 / 3, 2 / 3):
        method(encoder, samples, draws(samples), progress)
        seen.append(weights())
    assert [torch.equal(one, other) for one, other in pairwise(seen)] == [True, False, True, False]

    # A resumed training remembers which step was the last to update.
    _, resumed = build(f"rq+{name}")
    resumed.load_state_dict(method.state_dict())
    resumed.momentum.update(encoder, resumed.projector, 2 / 3)
    assert torch.equal(torch.cat([one.flatten() for one in resumed.momentum.parameters()]), seen[-1])
    resumed.momentum.update(encoder, resumed.projector, 0.7)
    assert not torch.equal(torch.cat([one.flatten() for one in resumed.momentum.parameters()]), seen[-1])


def test_the_momentum_encoder_is_a_copy_with_buffers_of_its_own() -> None:
    encoder = ForeignEncoder(Pixels(), SPEC, batch(SPEC).inputs)
    method = make_method("rq+mocov3", encoder, SETTINGS)
    originals = {one.data_ptr() for one in [*encoder.parameters(), *method.projector.parameters()]}
    assert not originals & {one.data_ptr() for one in method.momentum.parameters()}
    samples = batch(SPEC)
    step(encoder, method)
    method(encoder, samples, draws(samples), 0.0)
    mine, theirs = method.momentum.encoder.module.norm, encoder.module.norm
    assert mine.num_batches_tracked == theirs.num_batches_tracked == 2  # two views each
    assert not torch.allclose(mine.running_mean, theirs.running_mean)
    assert {"momentum.updated", "momentum.encoder.module.norm.running_mean"} <= set(method.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls_on_a_toy_problem(name: str) -> None:
    encoder, method = build(f"crop+{name}", crop_smallest=0.8)
    trained = [one for one in method.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW([*encoder.parameters(), *trained], lr=2e-3)
    samples = batch(SPEC, 16)
    losses = []
    for number in range(60):
        loss = method(encoder, samples, draws(samples, number), number / 60).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1


def test_heads_at_the_recipes_sizes() -> None:
    def numbers(head: nn.Module) -> int:
        return sum(one.numel() for one in head.parameters())

    class Backbone(nn.Module):
        width, spec = 2048, SPEC

    def heads(name: str, hidden: int, projection: int) -> Any:
        with torch.device("meta"):
            backbone: Any = Backbone()
            return make_method(f"rq+{name}", backbone, MethodSettings(hidden=hidden, projection=projection))

    moco = heads("mocov3", 4096, 256)
    assert (numbers(moco.projector), numbers(moco.predictor)) == (9_445_376, 2_105_344)
    # Two layers of 2048 x 4096 and 4096 x 256, and the scale and shift of 4096.
    byol = heads("byol", 4096, 256)
    assert (numbers(byol.projector), numbers(byol.predictor)) == (9_445_376, 2_105_344)
    simsiam = heads("simsiam", 2048, 2048)
    assert numbers(simsiam.projector) == 3 * 2048**2 + 2 * 2 * 2048
    assert numbers(simsiam.predictor) == 2 * 2048 * 512 + 2 * 512 + 2048
    simclr = heads("simclr", 2048, 128)
    assert numbers(simclr.projector) == 2048 * 2048 + 2 * 2048 + 2048 * 128 + 2 * 128

    def shape(head: nn.Sequential) -> list[str]:
        names = {nn.Linear: "linear", nn.ReLU: "relu"}
        return [names.get(type(one), "norm" if getattr(one, "affine", False) else "plain norm") for one in head]

    middle = ["linear", "norm", "relu"]
    assert shape(moco.projector) == [*middle, "linear", "plain norm"]
    assert shape(moco.predictor) == shape(byol.projector) == shape(byol.predictor) == [*middle, "linear"]
    assert shape(simsiam.projector) == [*middle, *middle, "linear", "plain norm"]
    assert shape(simsiam.predictor) == [*middle, "linear"]
    assert shape(simclr.projector) == [*middle, "linear", "norm"]
    assert [one.bias is None for one in simsiam.predictor if isinstance(one, nn.Linear)] == [True, False]


def test_a_head_gives_its_width() -> None:
    assert mlp((4, 6, 5), "norm")(torch.rand(3, 4)).shape == (3, 5)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_partner_there_is_nothing_to_compare(name: str) -> None:
    with pytest.raises(UserError, match=f"method: {name} compares two views, .* such as rq\\+{name}$"):
        build(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_is_an_error(name: str) -> None:
    encoder, method = build(f"rq+{name}")
    samples = batch(SPEC, 1)
    with pytest.raises(UserError, match="batch: got 1 sample, must be at least 2"):
        method(encoder, samples, draws(samples), 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_view_that_equals_its_input_is_an_error(name: str) -> None:
    encoder, method = build(f"rq+{name}")
    flat = Batch(batch(SPEC).ids, (torch.full((5, 3, 4, 6), 0.5),))
    with pytest.raises(UserError, match="a view equals its input"):
        method(encoder, flat, draws(flat), 0.0)


class Pixels(nn.Module):
    """A user's own encoder, with a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = self.norm(self.convolution(values)).relu().mean(dim=(2, 3))
        return out


@pytest.mark.parametrize("name", NAMES)
def test_a_users_own_encoder(name: str) -> None:
    samples = batch(SPEC)
    encoder = ForeignEncoder(Pixels(), SPEC, samples.inputs)
    method = make_method(f"crop+rq+{name}", encoder, SETTINGS)
    method(encoder, samples, draws(samples), 0.0).value.backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in encoder.module.norm.parameters())


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (4, 3, 2, 2), (4, 3, 2, 1, 2)])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}], ids=str
)
def test_batch_normalisation_with_one_process_is_torchs(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    ours, torchs = BatchNorm(3, **options), kinds[len(shape)](3, **options)
    for mode in (True, True, False):
        values = torch.rand(shape)
        assert torch.equal(ours.train(mode)(values), torchs.train(mode)(values))
    assert [(name, one.tolist()) for name, one in ours.state_dict().items()] == [
        (name, one.tolist()) for name, one in torchs.state_dict().items()
    ]


def test_every_batch_normalisation_of_a_module_is_shared_in_place() -> None:
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm3d(2), Pixels()), nn.LayerNorm(2))
    state = {name: one.data_ptr() for name, one in module.state_dict().items()}
    share_batch_norms(module)
    assert [type(one) for one in (module[0], module[1][0], module[1][1].norm, module[2])] == [
        *[BatchNorm] * 3, nn.LayerNorm
    ]  # fmt: skip
    assert {name: one.data_ptr() for name, one in module.state_dict().items()} == state
    alone = nn.BatchNorm2d(3, eps=0.1)
    share_batch_norms(alone)
    share_batch_norms(alone)
    assert isinstance(alone, BatchNorm)
    assert alone.eps == 0.1


def test_a_batch_normalisation_of_its_own_kind_cannot_be_shared() -> None:
    class WithActivation(nn.BatchNorm2d):
        pass

    with pytest.raises(UserError, match=r"encoder: 0 is a WithActivation, which several processes cannot share"):
        share_batch_norms(nn.Sequential(WithActivation(2)))
