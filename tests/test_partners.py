"""partners: the views that rq, crop, shift and mask make, of inputs and of embeddings, against definitions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from randquant import randomized_quantize
from randquant.data import Batch
from randquant.encoder import DomainAgnosticTransformer, make_encoder
from randquant.errors import UserError
from randquant.methods import PARTNERS, Chain, NotApplicableError, make_method
from randquant.methods.quantized import quantized
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from randquant.spec import Grid, Spec, Table, Tokens
from samples import SMALL, SPECS, batch, draws

SETTINGS = MethodSettings(projection=8, crop_smallest=0.8, shift_largest=0.5)
STILL = replace(SMALL, dropout=0.0)


def chain(partner: str, spec: Spec, **changes: Any) -> Chain:
    return PARTNERS[partner](spec, replace(SETTINGS, **changes))


def build(name: str, spec: Spec, **changes: Any) -> tuple[DomainAgnosticTransformer, Any]:
    encoder = make_encoder(spec, STILL, seed=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return encoder, make_method(name, encoder, replace(SETTINGS, **changes))


def embedded(spec: Spec) -> tuple[Tensor, Tensor | None]:
    """The embeddings of a batch, and where they are padding."""
    encoder = make_encoder(spec, STILL, seed=0)
    return encoder.embed(batch(spec).inputs).detach(), encoder.padding(batch(spec).inputs)


@pytest.mark.parametrize("kind", ["1d", "2d", "3d", "table", "image+text"])
@pytest.mark.parametrize("partner", ["rq", "noise", "uniform", "crop", "shift"])
def test_views_of_inputs_are_keyed_and_touch_what_they_may(partner: str, kind: str) -> None:
    spec = SPECS[kind]
    if partner in ("crop", "shift") and not any(one.size for one in spec.inputs):
        return
    made = chain(partner, spec)
    assert not made.embeddings
    samples = batch(spec)
    first, second = (made.change(samples.inputs, draws(samples), view) for view in range(2))
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
            assert partner == "noise" or ((numbers >= low - 1e-5) & (numbers <= high + 1e-5)).all()
        assert torch.equal(second[place], seen) == (not one.channels)
        # The same sample gets the same view whatever else is in its batch.
        assert torch.equal(made.change(alone.inputs, draws(alone), 0)[place], seen[[3, 1]])


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("partner", ["rq", "noise", "uniform", "mask"])
def test_views_of_embeddings_are_keyed_and_leave_padding_alone(partner: str, kind: str) -> None:
    spec = SPECS[kind]
    made = chain(partner, spec, at="embeddings")
    assert not made.inputs
    encoder, samples = make_encoder(spec, STILL, seed=0), batch(spec)
    tokens, padding = embedded(spec)
    with torch.no_grad():
        first, second = (made.embed(encoder, samples.inputs, draws(samples), view)[0] for view in range(2))
        alone = samples.take(torch.tensor([3, 1]))
        # Matrix products of other sizes round otherwise.
        torch.testing.assert_close(made.embed(encoder, alone.inputs, draws(alone), 0)[0], first[[3, 1]])
    assert not torch.equal(first, second)
    assert (first != tokens).flatten(1).any(dim=1).all()
    if padding is not None:
        assert padding.any()
        assert torch.equal(first[padding], tokens[padding])


def test_crop_is_a_stretched_box() -> None:
    """Against torch's own sampler, box by box."""
    spec = Spec((Grid(3, (8, 6), (2, 2)),))
    samples = batch(spec)
    (found,) = chain("crop", spec).change(samples.inputs, draws(samples), 1)
    numbers = draws(samples).uniform("crop/0", 2, 2, view=1)
    side = SETTINGS.crop_smallest + (1 - SETTINGS.crop_smallest) * numbers[..., 0]  # [B, (rows, columns)]
    middle = 2 * ((1 - side) * numbers[..., 1] + side / 2) - 1
    affine = torch.zeros(5, 2, 3)
    affine[:, 0, 0], affine[:, 0, 2] = side[:, 1], middle[:, 1]
    affine[:, 1, 1], affine[:, 1, 2] = side[:, 0], middle[:, 0]
    grid = F.affine_grid(affine, [5, 3, 8, 6], align_corners=False)
    expected = F.grid_sample(samples.inputs[0], grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("largest", "most"), [(0.01, (1, 1)), (0.25, (2, 1)), (1.0, (8, 6))])
def test_shift_is_a_roll_of_each_sample(largest: float, most: tuple[int, int]) -> None:
    spec = Spec((Grid(3, (8, 6), (2, 2)),))
    samples = batch(spec, 40)
    (found,) = chain("shift", spec, shift_largest=largest).change(samples.inputs, draws(samples), 1)
    numbers = draws(samples).uniform("shift/0", 2, view=1)
    steps = []
    for row, values in enumerate(samples.inputs[0]):
        steps.append([math.floor(float(numbers[row, d]) * (2 * most[d] + 1)) - most[d] for d in range(2)])
        assert torch.equal(found[row], values.roll(steps[-1], dims=(1, 2)))
    for dimension in range(2):
        assert min(one[dimension] for one in steps) >= -most[dimension]
        assert max(one[dimension] for one in steps) <= most[dimension]
        if most[dimension] < 3:  # few enough to meet all
            assert {one[dimension] for one in steps} == set(range(-most[dimension], most[dimension] + 1))


@pytest.mark.parametrize(("share", "full", "short"), [(0.5, 5, 4), (0.3, 3, 3), (0.05, 1, 1)])
def test_mask_sets_a_share_to_zero(share: float, full: int, short: int) -> None:
    """10 positions in the first sample; 8 that are not padding in the others."""
    spec = SPECS["image+text"]
    tokens, padding = embedded(spec)
    (hide,) = chain("mask", spec, mask_share=share).embeddings
    seen = hide(tokens, padding, draws(batch(spec)), 0)
    hidden = (seen == 0).all(dim=2)
    assert hidden.sum(dim=1).tolist() == [full, short, short, short, short]
    assert torch.equal(seen[~hidden], tokens[~hidden])


def test_rq_on_embeddings_by_definition() -> None:
    """Each sample by itself, its padding cut away: a dimension is a channel over the tokens."""
    spec = SPECS["image+text"]
    tokens, padding = embedded(spec)
    assert padding is not None
    (quantize,) = chain("rq", spec, at="embeddings", bins=3).embeddings
    seen = quantize(tokens, padding, draws(batch(spec)), 1)
    for row in range(5):
        channels = tokens[row, ~padding[row]].T  # [D, N]
        key = draws(batch(spec)).keys("rq/embeddings", 1)[[row]]
        expected = randomized_quantize(channels[None], 3, keys=key)[0].T
        torch.testing.assert_close(seen[row, ~padding[row]], expected)
        assert all(len(set(column.tolist())) <= 3 for column in seen[row, ~padding[row]].T)


def test_rq_at_both_places_quantizes_the_input_then_its_embeddings() -> None:
    spec = SPECS["2d"]
    samples, encoder = batch(spec), make_encoder(spec, STILL, seed=0)
    both = chain("rq", spec, at="both")
    (inputs,) = chain("rq", spec, at="input").inputs
    (embeddings,) = chain("rq", spec, at="embeddings").embeddings
    with torch.no_grad():
        found, _ = both.embed(encoder, both.change(samples.inputs, draws(samples), 0), draws(samples), 0)
        view = inputs(samples.inputs, draws(samples), 0)
        expected = embeddings(encoder.embed(view), None, draws(samples), 0)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("at", ["input", "embeddings", "both"])
def test_one_view_or_both_are_quantized(at: Any) -> None:
    spec = SPECS["2d"]
    samples, encoder = batch(spec), make_encoder(spec, STILL, seed=0)
    for quantized_views, changed in (("both", [True, True]), ("one", [True, False])):
        made = chain("rq", spec, at=at, quantized_views=quantized_views)
        with torch.no_grad():
            clean = encoder.embed(samples.inputs)
            inputs = [made.change(samples.inputs, draws(samples), view) for view in range(2)]
            views = [made.embed(encoder, one, draws(samples), view)[0] for view, one in enumerate(inputs)]
        assert [not torch.equal(view, clean) for view in views] == changed


def test_the_three_gradients_of_quantized_embeddings() -> None:
    spec = SPECS["2d"]
    tokens, _ = embedded(spec)
    weight = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(2))
    found = {}
    for gradient in ("range", "straight_through", "none"):
        (quantize,) = chain("rq", spec, at="embeddings", gradient=gradient).embeddings
        leaf = tokens.clone().requires_grad_()
        (quantize(leaf, None, draws(batch(spec)), 0) * weight).sum().backward()
        assert leaf.grad is not None
        found[gradient] = leaf.grad
    assert torch.equal(found["straight_through"], weight)
    assert not found["none"].any()
    # The range of a channel is set by its smallest and largest token, and shifting both shifts the channel.
    ends = (tokens == tokens.amin(dim=1, keepdim=True)) | (tokens == tokens.amax(dim=1, keepdim=True))
    assert torch.equal(found["range"] != 0, ends)
    torch.testing.assert_close(found["range"].sum(dim=1), weight.sum(dim=1))


@pytest.mark.parametrize(("gradient", "reached"), [("range", True), ("straight_through", True), ("none", False)])
@pytest.mark.parametrize("name", ["rq", "rq+emix", "rq+imix"])
def test_gradients_reach_the_embedding_through_quantization_only_if_wanted(
    name: str, gradient: str, reached: bool
) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec, at="embeddings", gradient=gradient)
    method(encoder, batch(spec), draws(batch(spec)), 0.0).value.backward()
    slope = encoder.embeddings[0].projection.weight.grad
    assert (slope is not None and bool(slope.any())) == reached
    assert encoder.positions.grad is not None
    assert encoder.positions.grad.any()


@pytest.mark.parametrize(
    ("name", "changes", "golden"),
    [
        ("rq", {"at": "embeddings"}, 2.049085),
        ("rq", {"at": "both"}, 2.051795),
        ("rq", {"at": "both", "quantized_views": "one"}, 2.047473),
        ("rq+emix", {"at": "input"}, 2.046155),
        ("rq+emix", {"at": "embeddings"}, 2.051271),
        ("rq+emix", {"at": "both"}, 2.042876),
        ("mask", {}, 2.070644),
        ("shift", {}, 2.084327),
        ("mask+rq", {"at": "embeddings"}, 2.066432),
        ("rq+mask", {"at": "embeddings"}, 2.070503),
    ],
)
def test_golden_losses(name: str, changes: dict[str, Any], golden: float) -> None:
    spec = SPECS["2d"]
    encoder, method = build(name, spec, **changes)
    samples = batch(spec, 8)
    assert method(encoder, samples, draws(samples), 0.0).value.item() == pytest.approx(golden, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "inputs", "embeddings"),
    [
        ("crop+rq", ["crop", "rq"], []),
        ("rq+crop", ["rq", "crop"], []),
        ("shift+crop+emix", ["shift", "crop"], []),
        ("mask+shift+rq+mae", ["shift", "rq"], ["mask"]),
        ("emix", [], []),
    ],
)
def test_partners_act_in_the_order_of_the_name(name: str, inputs: list[str], embeddings: list[str]) -> None:
    """One after another; those of the inputs before those of the embeddings."""
    spec, samples = SPECS["2d"], batch(SPECS["2d"])
    encoder, method = build(name, spec)
    seen = samples.inputs
    for partner in inputs:
        seen = chain(partner, spec).change(seen, draws(samples), 1)
    assert torch.equal(method.chain.change(samples.inputs, draws(samples), 1)[0], seen[0])
    with torch.no_grad():
        tokens = encoder.embed(seen)
        found, _ = method.chain.embed(encoder, seen, draws(samples), 1)
    for partner in embeddings:
        (transform,) = chain(partner, spec).embeddings
        tokens = transform(tokens, None, draws(samples), 1)
    assert torch.equal(found, tokens)


def test_partners_of_embeddings_act_in_the_order_of_the_name_too() -> None:
    """`mask+rq` on embeddings masks, then quantizes: what was set to 0 is 0 no more."""
    spec, samples = SPECS["2d"], batch(SPECS["2d"])
    zeros = []
    for name in ("mask+rq", "rq+mask"):
        encoder, method = build(name, spec, at="embeddings")
        with torch.no_grad():
            tokens, _ = method.chain.embed(encoder, samples.inputs, draws(samples), 0)
        zeros.append((tokens == 0).all(dim=2).sum(dim=1).tolist())
    assert zeros == [[0] * 5, [2] * 5]


@pytest.mark.parametrize(
    ("partner", "spec", "changes", "told"),
    [
        ("rq", Spec((Table(2),)), {}, "limits: rq was given a table without them"),
        ("rq", SPECS["tokens"], {}, r"method: rq was given symbols alone, .*; set at to embeddings, "),
        ("rq", SPECS["categories"], {"at": "both"}, "method: rq was given symbols alone"),
        ("rq", Spec((Tokens(4, 1),)), {"at": "embeddings"}, "method: rq on embeddings needs 2 tokens a sample, got 1"),
        ("crop", SPECS["table"], {}, "method: crop was given no grid"),
        ("shift", SPECS["tokens"], {}, "method: shift was given no grid"),
    ],
)
def test_a_partner_that_finds_nothing_to_change_is_refused(
    partner: str, spec: Spec, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        chain(partner, spec, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rq+rq", "crop+rq+crop", "mask+rq+mask+emix"])
def test_a_partner_acts_once(name: str) -> None:
    with pytest.raises(UserError, match="must name each partner once"):
        build(name, SPECS["2d"])


@pytest.mark.parametrize("kind", ["1d", "2d", "image+text"])
@pytest.mark.parametrize("at", ["input", "embeddings"])
def test_noise_is_normal_and_as_large_as_what_quantization_would_change(at: str, kind: str) -> None:
    spec = SPECS[kind]
    if at == "input":
        values = 3 * torch.rand(4, *spec.inputs[0].shape[:1], 4096, generator=torch.Generator().manual_seed(1)) - 1
        one = Spec((Grid(values.shape[1], (4096,), (4,)),))
        seen, like = (
            made.change((values,), Draws(0, 0, torch.arange(4)), 1)[0]
            for made in (chain("noise", one), quantized(one, SETTINGS, "noise"))
        )
        dim = 2
    else:
        values = torch.randn(4, 4096, 5, generator=torch.Generator().manual_seed(1))
        padding = torch.arange(4096).expand(4, -1) >= 4000 if kind == "image+text" else None
        made, same = chain("noise", spec, at=at), quantized(spec, replace(SETTINGS, at="embeddings"), "noise")
        seen, like = (one.embeddings[0](values, padding, Draws(0, 0, torch.arange(4)), 1) for one in (made, same))
        if padding is not None:
            assert torch.equal(seen[padding], values[padding])
            values, seen, like = values[:, :4000], seen[:, :4000], like[:, :4000]
        dim = 1
    noise = seen - values
    size = (like - values).square().mean(dim=dim, keepdim=True).sqrt()
    assert size.min() > 0.05
    standard = (noise / size).flatten()
    assert stats.kstest(standard.numpy()[:4000], "norm").pvalue > 1e-3
    assert torch.allclose(noise.square().mean(dim=dim, keepdim=True).sqrt(), size, rtol=0.06)


def test_uniform_has_equal_bins_at_the_same_places_in_every_view() -> None:
    spec = Spec((Grid(2, (64,), (4,)),))
    values = torch.rand(3, 2, 64, generator=torch.Generator().manual_seed(1))
    values[:, :, 0], values[:, :, 1] = 0.0, 1.0  # so that the bins' edges are the quarters
    made, keyed = chain("uniform", spec, bins=4), Draws(0, 0, torch.arange(3))
    bins = (values * 4).long().clamp(max=3)
    views = [made.change((values,), keyed, view)[0] for view in range(2)]
    for seen in views:
        assert torch.equal((seen * 4).long().clamp(max=3), bins)
        assert all(len(row.unique()) == 4 for row in seen.flatten(0, 1))
    assert not torch.equal(*views)


def test_one_quantizer_for_all_channels_of_a_sample() -> None:
    spec = Spec((Grid(3, (64,), (4,)),))
    values = torch.rand(2, 3, 64, generator=torch.Generator().manual_seed(1))
    keyed = Draws(0, 0, torch.arange(2))
    shared = chain("rq", spec, bins=4, per="sample").change((values,), keyed, 0)[0]
    assert all(len(one.unique()) == 4 for one in shared)
    apart = chain("rq", spec, bins=4).change((values,), keyed, 0)[0]
    assert all(len(one.unique()) == 12 for one in apart)
    with pytest.raises(UserError, match="per: got sample for a table"):
        chain("rq", SPECS["table"], per="sample")


def test_where_nothing_is_random_the_settings_are_refused() -> None:
    with pytest.raises(UserError, match="values: got midpoint with edges uniform"):
        MethodSettings(edges="uniform", values="midpoint")
    with pytest.raises(UserError, match="values: got midpoint with edges uniform"):
        chain("uniform", SPECS["2d"], values="midpoint")
    MethodSettings(edges="uniform", values="midpoint", quantized_views="one")


@pytest.mark.parametrize("partner", ["rq", "noise", "uniform", "crop", "shift"])
def test_a_partner_that_finds_nothing_to_change_is_not_applicable(partner: str) -> None:
    with pytest.raises(NotApplicableError, match=rf"^method: {partner} "):
        chain(partner, SPECS["tokens"])


@pytest.mark.parametrize("partner", ["rq", "noise", "uniform"])
def test_gaps_stay_where_they_are(partner: str) -> None:
    for kind in ("ragged", "empty cells"):
        samples = batch(SPECS[kind])
        (view,) = chain(partner, SPECS[kind]).change(samples.inputs, draws(samples), 0)
        assert torch.equal(view.isnan(), samples.inputs[0].isnan())
        assert not torch.equal(view.nan_to_num(0), samples.inputs[0].nan_to_num(0))


@pytest.mark.parametrize("partner", ["crop", "shift"])
def test_short_samples_stay_within_their_own_length(partner: str) -> None:
    spec = Spec((Grid(1, (12,), (4,), gaps=True),))
    values = torch.full((6, 1, 12), torch.nan)
    for row in range(6):
        values[row, 0, : 2 * row + 2] = torch.arange(2.0 * row + 2)
    samples = Batch(torch.arange(6), (values,))
    (view,) = chain(partner, spec).change(samples.inputs, draws(samples), 0)
    assert torch.equal(view.isnan(), values.isnan())
    assert (view.nan_to_num(0).amax(dim=2) <= values.nan_to_num(0).amax(dim=2)).all()
    # A full sample is treated as in a grid without gaps.
    (whole,) = chain(partner, Spec((Grid(1, (12,), (4,)),))).change(samples.inputs, draws(samples), 0)
    assert torch.equal(view[5], whole[5])
    assert not torch.equal(view[5], values[5])
