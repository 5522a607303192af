"""methods: one contract over every method and kind of sample, losses against arithmetic written a second time."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from randquant import randomized_quantize, world
from randquant.data import Batch
from randquant.encoder import DomainAgnosticTransformer, ForeignEncoder, make_encoder
from randquant.errors import UserError
from randquant.methods import METHODS, PARTNERS, make_method
from randquant.methods.positions import choose, global_mean
from randquant.settings import EncoderSettings, MethodSettings
from randquant.spec import Grid, Spec, Tokens
from samples import SMALL, SPECS, batch, draws

SETTINGS = MethodSettings(projection=8, hidden=12, crop_smallest=0.8, mask_share=0.3)


class Facts(NamedTuple):
    """What the contract must know of a method."""

    compares_views: bool = False  # without a partner there is nothing to compare
    needs_others: bool = False  # a batch of one is an error
    own_encoder: bool = False  # it enters the encoder at its embeddings


FACTS = {
    **dict.fromkeys(PARTNERS, Facts(compares_views=True, needs_others=True)),
    "mask": Facts(compares_views=True, needs_others=True, own_encoder=True),
    "emix": Facts(needs_others=True, own_encoder=True),
    "shed": Facts(own_encoder=True),
    "mae": Facts(own_encoder=True),
    "capri": Facts(own_encoder=True),
    "imix": Facts(needs_others=True),
    "mocov3": Facts(compares_views=True, needs_others=True),
    "byol": Facts(compares_views=True, needs_others=True),
    "simsiam": Facts(compares_views=True, needs_others=True),
    "simclr": Facts(compares_views=True, needs_others=True),
}
ALONE = [name for name in METHODS if name in PARTNERS or not FACTS[name].compares_views]
AFTER = [f"{partner}+{name}" for name in METHODS for partner in ("rq", "mask") if name not in PARTNERS]
NAMES = [*ALONE, *AFTER, "crop+rq"]


def facts(name: str) -> Facts:
    return FACTS[name.split("+")[-1]]


def fits(name: str, spec: Spec) -> bool:
    """Whether the partners of a name find something to change in the inputs."""
    words = set(name.split("+"))
    grid = any(one.size for one in spec.inputs)
    numbers = any(one.channels for one in spec.inputs)
    image = len(spec.inputs) == 1 and len(spec.inputs[0].size) == 2
    return (
        (grid or not words & {"crop", "shift"})
        and (numbers or not words & {"rq", "noise", "uniform"})
        and (image or not words & {"rrc", "flip", "full"})
    )


def build(
    name: str, spec: Spec, sizes: EncoderSettings = SMALL, **changes: Any
) -> tuple[DomainAgnosticTransformer, nn.Module]:
    encoder = make_encoder(spec, sizes, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return encoder, make_method(name, encoder, replace(SETTINGS, **changes))


def precise(name: str, spec: Spec, **changes: Any) -> tuple[DomainAgnosticTransformer, Any, Batch]:
    """Encoder without dropout, method and samples, all in float64."""
    encoder, method = build(name, spec, **changes)
    samples = batch(spec)
    inputs = tuple(one.double() if one.is_floating_point() else one for one in samples.inputs)
    return encoder.double().eval(), method.double(), Batch(samples.ids, inputs)


def test_every_method_has_its_facts() -> None:
    assert set(METHODS) <= set(FACTS)


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

    def again(seed: int) -> float:
        """The loss in eval, of the same state: a step may move a momentum encoder."""
        parts = copy.deepcopy((encoder, method))
        return parts[1].eval()(parts[0].eval(), samples, draws(samples, seed), 0.5).value.item()

    assert again(3) == again(3) != again(4)
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
    trained = [parameter for parameter in method.parameters() if parameter.requires_grad]
    assert len(owned) == len(trained)
    assert {id(one) for one in owned} == {id(one) for one in trained}
    assert all(one.grad is not None for one in trained)
    assert all(one.grad is None for one in method.parameters() if not one.requires_grad)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("mask+") and name != "full"])
def test_the_loss_falls_on_a_toy_problem(name: str) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=4e-3)
    samples = batch(spec, 16)
    ramp = torch.linspace(-2, 2, 24).reshape(1, 1, 4, 6)  # so that places differ, and samples more
    samples = Batch(samples.ids, (4 * samples.inputs[0] + ramp,))
    losses = []
    for step in range(60):
        torch.manual_seed(step)  # dropout
        loss = method(encoder, samples, draws(samples, step), step / 60).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1


@pytest.mark.parametrize("name", [name for name in NAMES if "rq" in name])
def test_a_view_that_equals_its_input_is_an_error(name: str) -> None:
    encoder, method = build(name.removeprefix("crop+"), SPECS["2d"])
    for value in (0.0, 0.5):
        flat = Batch(batch(SPECS["2d"]).ids, (torch.full((5, 3, 4, 6), value),))
        with pytest.raises(UserError, match="a view equals its input"):
            method(encoder, flat, draws(flat), 0.0)
    # Tiny values are not constant ones.
    tiny = Batch(batch(SPECS["2d"]).ids, tuple(one * 1e-8 for one in batch(SPECS["2d"]).inputs))
    method(encoder, tiny, draws(tiny), 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_one_is_an_error_where_others_are_needed(name: str) -> None:
    encoder, method = build(name, SPECS["2d"])
    samples = batch(SPECS["2d"], 1)
    if not facts(name).needs_others:
        assert math.isfinite(method(encoder, samples, draws(samples), 0.0).value.item())
        return
    with pytest.raises(UserError, match="batch: got 1 sample, must be at least 2"):
        method(encoder, samples, draws(samples), 0.0)


@pytest.mark.parametrize("name", ["", "bogus", "rq+", "emix+rq", "bogus+rq", "none", "crop+none"])
def test_an_unknown_name_is_one_line_with_the_known_ones(name: str) -> None:
    with pytest.raises(UserError, match=r"method: got .*none, rq, crop.*emix.* crop\+rq") as caught:
        build(name, SPECS["2d"])
    assert "\n" not in str(caught.value)


class Wave(nn.Module):
    """A user's own encoder: any module that gives features from the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2, 6, 3)

    def forward(self, wave: Tensor) -> Tensor:
        out: Tensor = self.convolution(wave).relu().mean(dim=2)
        return out


@pytest.mark.parametrize("name", [*NAMES, "crop+imix"])
def test_a_users_own_encoder(name: str) -> None:
    spec = SPECS["1d"]
    samples = batch(spec)
    module = Wave()
    encoder = ForeignEncoder(module, spec, samples.inputs)
    if not fits(name, spec):
        return
    if facts(name).own_encoder or "mask" in name:
        with pytest.raises(UserError, match=r"^encoder: .* embeddings, so it needs randquant's own transf") as caught:
            make_method(name, encoder, SETTINGS)
        assert "\n" not in str(caught.value)
        return
    make_method(name, encoder, SETTINGS)(encoder, samples, draws(samples), 0.0).value.backward()
    assert module.convolution.weight.grad is not None
    assert module.convolution.weight.grad.abs().sum() > 0


# Losses by hand, in float64: one sample after another, one number after another.


def normalised_logits(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    queries = queries / np.sqrt((queries**2).sum(axis=1, keepdims=True))
    keys = keys / np.sqrt((keys**2).sum(axis=1, keepdims=True))
    return np.array([[query @ key for key in keys] for query in queries]) / SETTINGS.temperature


def cross_entropy(row: np.ndarray, target: int) -> float:
    return float(np.log(np.exp(row).sum()) - row[target])


def mixtures(samples: Batch, method: str) -> list[tuple[float, int]]:
    """Each sample's share, the larger part, and its partner."""
    shares = draws(samples).uniform(f"{method}/share").tolist()
    partners = draws(samples).permutation(f"{method}/partner").tolist()
    assert len(set(partners)) == 5
    assert partners != [0, 1, 2, 3, 4]
    return [(max(share, 1 - share), partner) for share, partner in zip(shares, partners, strict=True)]


def noise_order(samples: Batch, method: str, row: int, positions: list[int]) -> list[int]:
    """Some positions of a sample in the order of the noise that is drawn for them."""
    noise = draws(samples).uniform(method, SPECS["image+text"].tokens)[row]
    return sorted(positions, key=lambda position: float(noise[position]))


def test_emix_by_hand() -> None:
    spec = SPECS["image+text"]
    encoder, method, samples = precise("emix", spec)
    queries, keys = [], []
    with torch.no_grad():
        clean, padding = encoder.embed(samples.inputs), encoder.padding(samples.inputs)
        assert padding is not None
        for row, (share, partner) in enumerate(mixtures(samples, "emix")):
            mixed = share * clean[[row]] + (1 - share) * clean[[partner]]
            queries.append(method.head(encoder.encode(mixed, padding[[row]] & padding[[partner]]))[0].numpy())
            keys.append(method.head(encoder.encode(clean[[row]], padding[[row]]))[0].numpy())
    logits = normalised_logits(np.array(queries), np.array(keys))
    expected = [
        share * cross_entropy(logits[row], row) + (1 - share) * cross_entropy(logits[row], partner)
        for row, (share, partner) in enumerate(mixtures(samples, "emix"))
    ]
    loss = method(encoder, samples, draws(samples), 0.0)
    assert loss.value.item() == pytest.approx(np.mean(expected), abs=1e-7)
    assert loss.metrics["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == np.arange(5)))

    # The benchmark's code: shares of shape (B, 1, 1) times losses of shape (B) give (B, 1, B).
    own = np.array([cross_entropy(logits[row], row) for row in range(5)])
    other = np.array(
        [cross_entropy(logits[row], partner) for row, (_, partner) in enumerate(mixtures(samples, "emix"))]
    )
    shares = np.array([share for share, _ in mixtures(samples, "emix")]).reshape(5, 1, 1)
    broadcast = shares * own + (1 - shares) * other
    assert broadcast.shape == (5, 1, 5)
    _, benchmark, _ = precise("emix", spec, mixture_weights="batch")
    found = benchmark(encoder, samples, draws(samples), 0.0).value.item()
    assert found == pytest.approx(broadcast.mean(), abs=1e-7)
    assert found == pytest.approx(shares.mean() * own.mean() + (1 - shares).mean() * other.mean(), abs=1e-7)
    assert abs(found - loss.value.item()) > 1e-3


@pytest.mark.parametrize(
    ("partner_detached", "keys_detached", "same"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_emix_detaches_the_partner_and_nothing_else(partner_detached: bool, keys_detached: bool, same: bool) -> None:
    encoder, method, samples = precise("emix", SPECS["2d"])
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


def test_infonce_by_hand() -> None:
    """Both directions; two views with draws of their own; keyed quantization of the input."""
    encoder, method, samples = precise("rq", SPECS["2d"])
    projections = []
    for view in range(2):
        seen = randomized_quantize(samples.inputs[0], 8, keys=draws(samples).keys("rq/0", view))
        assert not torch.allclose(seen, samples.inputs[0])
        projections.append(method.head(encoder((seen,))).detach().numpy())
    logits = normalised_logits(*projections)
    there = np.mean([cross_entropy(logits[row], row) for row in range(5)])
    back = np.mean([cross_entropy(logits[:, row], row) for row in range(5)])
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx((there + back) / 2, abs=1e-7)


@pytest.mark.parametrize("partner", ["", "rq+"])
@pytest.mark.parametrize("kind", ["2d", "tokens", "table", "image+text"])
def test_imix_by_hand(kind: str, partner: str) -> None:
    spec = SPECS[kind]
    if not fits(f"{partner}imix", spec):
        return
    encoder, method, samples = precise(f"{partner}imix", spec)
    views = [samples.inputs, samples.inputs]
    if partner:
        _, quantizing, _ = precise("rq", spec)
        views = [quantizing.chain.change(samples.inputs, draws(samples), view) for view in range(2)]
    queries, keys, taken = [], [], set()
    for row, (share, other) in enumerate(mixtures(samples, "imix")):
        mixed = []
        for place, one in enumerate(spec.inputs):
            mine, theirs = views[0][place][[row]], views[0][place][[other]]
            mixture = share * mine + (1 - share) * theirs if one.channels else mine.clone()
            symbols = 0 if one.size else one.tokens - one.channels
            for number in range(symbols):
                column = one.channels + number
                own = float(draws(samples).uniform(f"imix/{place}", symbols)[row, number]) < share
                mixture[0, column] = (mine if own else theirs)[0, column]
                taken.add(own)
            mixed.append(mixture)
        queries.append(method.head(encoder(mixed))[0].detach().numpy())
        keys.append(method.head(encoder([one[[row]] for one in views[1]]))[0].detach().numpy())
    assert taken == (set() if kind == "2d" else {True, False})
    logits = normalised_logits(np.array(queries), np.array(keys))
    expected = [
        share * cross_entropy(logits[row], row) + (1 - share) * cross_entropy(logits[row], other)
        for row, (share, other) in enumerate(mixtures(samples, "imix"))
    ]
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(np.mean(expected), abs=1e-7)


def test_imix_passes_gradient_through_its_keys() -> None:
    encoder, method, samples = precise("imix", SPECS["2d"])
    loss = method(encoder, samples, draws(samples), 0.0).value
    (found,) = torch.autograd.grad(loss, encoder.class_token)
    step = 1e-6 * found / found.norm()
    with torch.no_grad():
        encoder.class_token += step
        moved = method(encoder, samples, draws(samples), 0.0).value
    assert (moved - loss).item() == pytest.approx(1e-6 * found.norm().item(), rel=1e-3)


def visible(spec: Spec, samples: Batch, row: int, pooling: str) -> list[int]:
    """The positions of a sample that count."""
    padding = []
    for one, values in zip(spec.inputs, samples.inputs, strict=True):
        symbols = isinstance(one, Tokens) and pooling != "all"
        padding += [symbols and int(value) == 0 for value in values[row]] if symbols else [False] * one.tokens
    return [position for position, hidden in enumerate(padding) if not hidden]


@pytest.mark.parametrize("pooling", ["masked", "all"])
@pytest.mark.parametrize("corrupted", [0.05, 0.5])
def test_shed_by_hand(corrupted: float, pooling: str) -> None:
    spec = SPECS["image+text"]
    encoder, method, samples = precise("shed", spec, corrupted=corrupted)
    encoder.settings = replace(SMALL, pooling=pooling)
    losses, right = [], []
    with torch.no_grad():
        clean, padding = encoder.embed(samples.inputs), encoder.padding(samples.inputs)
        for row in range(5):
            positions = visible(spec, samples, row, pooling)
            chosen = noise_order(samples, "shed", row, positions)[: max(2, math.ceil(corrupted * len(positions)))]
            moved = clean[row].clone()
            for before, position in zip([chosen[-1], *chosen], chosen, strict=False):
                moved[position] = clean[row, before]
            answers = method.head(encoder.encode_tokens(moved[None], padding[[row]])[0, 1:]).numpy()
            losses += [cross_entropy(answers[position], int(position in chosen)) for position in positions]
            right += [answers[position].argmax() == (position in chosen) for position in positions]
    assert len(losses) == (50 if pooling == "all" else 42)  # four samples end in two paddings
    loss = method(encoder, samples, draws(samples), 0.0)
    assert loss.value.item() == pytest.approx(np.mean(losses), abs=1e-9)
    assert loss.metrics["accuracy"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("pooling", ["masked", "all"])
def test_capri_by_hand(pooling: str) -> None:
    spec = SPECS["image+text"]
    encoder, method, samples = precise("capri", spec)
    encoder.settings = replace(SMALL, pooling=pooling)
    losses = []
    with torch.no_grad():
        clean, padding = encoder.embed(samples.inputs), encoder.padding(samples.inputs)
        for row in range(5):
            positions = visible(spec, samples, row, pooling)
            masked = clean[row].clone()
            for position in noise_order(samples, "capri", row, positions)[: math.ceil(0.15 * len(positions))]:
                masked[position] = 0
            predictions = method.head(encoder.encode_tokens(masked[None], padding[[row]])[0, 1:]).numpy()
            candidates = clean[row, positions].numpy()
            for place, position in enumerate(positions):
                logits = np.array([predictions[position] @ candidate / 0.07 for candidate in candidates])
                losses.append(cross_entropy(logits, place))
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(np.mean(losses), abs=1e-9)


def test_capri_trains_the_embeddings_that_are_to_be_found() -> None:
    encoder, method, samples = precise("capri", SPECS["2d"])
    loss = method(encoder, samples, draws(samples), 0.0).value
    weight = encoder.embeddings[0].projection.weight
    (found,) = torch.autograd.grad(loss, weight)
    step = 1e-6 * found / found.norm()
    with torch.no_grad():
        weight += step
        moved = method(encoder, samples, draws(samples), 0.0).value
    assert (moved - loss).item() == pytest.approx(1e-6 * found.norm().item(), rel=1e-3)


def hidden_by_mae(encoder: DomainAgnosticTransformer, samples: Batch) -> tuple[list[list[int]], Tensor]:
    """The positions that are hidden in each sample, and the encoder's output there and elsewhere, [B, N, D]."""
    spec = encoder.spec
    noise = draws(samples).uniform("mae", spec.tokens)
    masked, padding = encoder.embed(samples.inputs), encoder.padding(samples.inputs)
    hidden = []
    for row in range(5):
        positions = visible(spec, samples, row, "masked")
        order = sorted(positions, key=lambda position: float(noise[row, position]))
        hidden.append(order[: math.ceil(0.15 * len(positions))])
        masked[row, hidden[-1]] = 0
    return hidden, encoder.encode_tokens(masked, padding)[:, 1:]


@torch.no_grad()
def test_mae_by_hand_on_images_and_text() -> None:
    """Patches of an image cut by hand, symbols scored by their embeddings, and the average of both."""
    spec = SPECS["image+text"]
    encoder, method, samples = precise("mae", spec)
    hidden, outputs = hidden_by_mae(encoder, samples)
    assert set(method.heads) == {"0"}
    image, text = samples.inputs
    weight, bias = (one.numpy() for one in method.heads["0"][1].parameters())
    errors, surprises = [], []
    for row in range(5):
        for position in hidden[row]:
            output = outputs[row, position].numpy()
            if position < 4:
                top, left = 2 * (position // 2), 3 * (position % 2)
                patch = [image[row, c, top + y, left + x] for y in range(2) for x in range(3) for c in range(3)]
                errors.append(np.sqrt(((weight @ output.clip(min=0) + bias - np.array(patch)) ** 2).sum()))
            else:
                logits = encoder.embeddings[1].weight.numpy() @ output
                surprises.append(cross_entropy(logits, int(text[row, position - 4])))
    assert errors
    assert surprises
    expected = (np.mean(errors) + np.mean(surprises)) / 2
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(expected, abs=1e-9)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["tokens", "table", "categories"])
def test_mae_by_hand_on_symbols_and_tables(kind: str) -> None:
    spec = SPECS[kind]
    encoder, method, samples = precise("mae", spec)
    hidden, outputs = hidden_by_mae(encoder, samples)
    (values,), (one,) = samples.inputs, spec.inputs
    losses = []
    for row in range(5):
        for position in hidden[row]:
            output = outputs[row, position].numpy()
            if position < one.channels:
                weight, bias = (one.numpy() for one in method.heads["0"][1].parameters())
                losses.append(abs(float(weight[0] @ output.clip(min=0) + bias[0] - values[row, position].numpy())))
            else:
                embedding = encoder.embeddings[0]
                table = embedding if kind == "tokens" else embedding.categories[position - one.channels]
                losses.append(cross_entropy(table.weight.numpy() @ output, int(values[row, position])))
    assert len(losses) == 5
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(np.mean(losses), abs=1e-9)


@torch.no_grad()
def test_mae_embeds_the_view_and_reads_the_sample() -> None:
    """What a partner changes goes into the encoder; what is to be read stays as it was given."""
    spec = SPECS["2d"]
    encoder, method, samples = precise("rq+mae", spec)
    (view,) = method.chain.change(samples.inputs, draws(samples), 0)
    assert not torch.allclose(view, samples.inputs[0])
    hidden, outputs = hidden_by_mae(encoder, Batch(samples.ids, (view,)))
    patches = F.unfold(samples.inputs[0], (2, 3), stride=(2, 3)).reshape(5, 3, 6, 4).permute(0, 3, 2, 1).flatten(2)
    errors = [
        torch.linalg.vector_norm(method.heads["0"](outputs[row, position]) - patches[row, position])
        for row in range(5)
        for position in hidden[row]
    ]
    expected = float(torch.stack(errors).mean())
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["shed", "mae", "capri"])
def test_samples_without_anything_to_hide_do_not_break_the_loss(name: str) -> None:
    """One position, or padding alone."""
    for spec in (Spec((Grid(2, (4,), (4,)),)), Spec((Tokens(5, 3, padding=0),))):
        encoder, method = build(name, spec)
        samples = Batch(batch(spec, 3).ids, tuple(torch.zeros_like(one) for one in batch(spec, 3).inputs))
        loss = method(encoder, samples, draws(samples), 0.0).value
        loss.backward()
        assert math.isfinite(loss.item())
        assert all(one.grad is None or one.grad.isfinite().all() for one in encoder.parameters())


def test_positions_are_a_share_rounded_up() -> None:
    spec = SPECS["tokens"]
    for length, count in ((196, 30), (128, 20), (64, 10), (228, 35), (20, 3), (1, 1)):
        chosen = choose(0.15, length, None, draws(batch(spec)), "")
        assert chosen.sum(dim=1).tolist() == [count] * 5
    padding = torch.arange(20) >= torch.tensor([[20], [19], [14], [13], [0]])
    chosen = choose(0.15, 20, padding, draws(batch(spec)), "")
    assert chosen.sum(dim=1).tolist() == [3, 3, 3, 2, 0]
    assert not (chosen & padding).any()


def test_the_mean_over_processes_is_the_mean_over_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with 2 and 6 positions that count."""
    values = torch.arange(10.0).reshape(2, 5)
    ignored = torch.tensor([[True, True, True, False, False], [False] * 5])
    ignored[1, 0] = True
    expected = values[~ignored].mean()
    assert global_mean(values, ignored) == expected
    monkeypatch.setattr(world, "size", lambda: 2)
    monkeypatch.setattr(world, "total", lambda count: torch.tensor(6))
    shares = [global_mean(values[row], ignored[row]) for row in range(2)]
    assert (shares[0] + shares[1]) / 2 == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("name", "golden"),
    [
        ("emix", 2.057371),
        ("rq", 2.052008),
        ("crop", 2.060202),
        ("crop+rq", 2.063090),
        ("shed", 0.937999),
        ("mae", 2.895511),
        ("capri", 6.226956),
        ("imix", 2.067926),
        ("rq+shed", 0.941744),
        ("rq+mae", 2.895179),
        ("rq+capri", 6.325714),
        ("rq+imix", 2.068044),
    ],
)
def test_golden_losses(name: str, golden: float) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec)
    encoder.eval()
    samples = batch(spec, 8)
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(golden, abs=1e-5)
