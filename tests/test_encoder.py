"""encoder: the benchmark's sizes, every kind of input, two poolings, and features that are a function of the seed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from randquant.encoder import DomainAgnosticTransformer, make_encoder
from randquant.encoder.embed import GridEmbedding
from randquant.encoder.transformer import attend
from randquant.errors import UserError
from randquant.settings import BENCHMARK_ENCODER
from randquant.spec import Grid, Spec, Table, Tokens
from samples import SMALL, SPECS, sample


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        (Spec((Grid(3, (224, 224), (16, 16)),)), 9_742_720),
        (Spec((Grid(1, (224, 224), (16, 16)),)), 9_611_648),
        (Spec((Tokens(30522, 128),)), 17_342_080),
        (Spec((Tokens(250002, 128),)), 73_528_960),
        (Spec((Grid(52, (320,), (5,)),)), 9_578_880),
        (Spec((Grid(3, (224, 224), (16, 16)), Tokens(30522, 32))), 17_564_544),
    ],
    ids=["rgb", "mel", "bert", "xlmr", "pamap2", "coco"],
)
def test_the_benchmarks_parameter_counts(spec: Spec, parameters: int) -> None:
    with torch.device("meta"):
        encoder = DomainAgnosticTransformer(spec, BENCHMARK_ENCODER)
        head = nn.Sequential(nn.LayerNorm(256), nn.Linear(256, 128))
    assert sum(one.numel() for one in encoder.blocks.parameters()) == 9_461_760
    assert sum(one.numel() for one in [*encoder.parameters(), *head.parameters()]) == parameters


@pytest.mark.parametrize("pooling", ["masked", "all"])
@pytest.mark.parametrize("name", SPECS)
def test_every_kind_of_input(name: str, pooling: str) -> None:
    spec = SPECS[name]
    encoder = make_encoder(spec, replace(SMALL, pooling=pooling), seed=0)
    inputs = sample(spec)
    assert encoder.embed(inputs).shape == (5, spec.tokens, 16)
    features = encoder(inputs)
    assert features.shape == (5, 16)
    features.square().sum().backward()
    for parameter_name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0 or not parameter.numel(), parameter_name


def test_patches_are_cut_as_the_benchmark_cuts_them() -> None:
    """Row-major patches, row-major places within one, channels fastest, against plain loops."""
    spec = Grid(2, (4, 6), (2, 3))
    embedding = GridEmbedding(spec, spec.patch_values)
    nn.init.eye_(embedding.projection.weight)
    nn.init.zeros_(embedding.projection.bias)
    values = torch.arange(2 * 4 * 6).float().reshape(1, 2, 4, 6)
    expected = [
        [values[0, c, 2 * i + di, 3 * j + dj].item() for di in range(2) for dj in range(3) for c in range(2)]
        for i in range(2)
        for j in range(2)
    ]
    assert embedding(values)[0].tolist() == expected


@pytest.mark.parametrize("final_norm", [True, False])
def test_the_transformer_against_its_definition(final_norm: bool) -> None:
    """Written once more with plain matrix arithmetic, in float64."""
    spec = SPECS["image+text"]
    encoder = make_encoder(spec, replace(SMALL, final_norm=final_norm), seed=3).double().eval()
    image, text = sample(spec)
    image = image.double()
    tokens = torch.cat([encoder.class_token.expand(5, 1, 16), encoder.embed((image, text))], dim=1) + encoder.positions
    seen = torch.cat([torch.ones(5, 5, dtype=torch.bool), text != 0], dim=1)  # class token, 4 patches, 6 symbols
    for block in encoder.blocks:
        normed = block.attention_norm(tokens)
        query, key, value = (normed @ block.attention.query_key_value.weight.T).split(10, dim=2)
        heads = []
        for head in range(2):
            part = slice(5 * head, 5 * head + 5)
            scores = query[..., part] @ key[..., part].transpose(1, 2) / 5**0.5
            scores = scores.masked_fill(~seen[:, None, :], -torch.inf)
            heads.append(scores.softmax(dim=2) @ value[..., part])
        tokens = tokens + block.attention.output(torch.cat(heads, dim=2))
        norm, first, _, _, second, _ = block.mlp
        tokens = tokens + second(F.gelu(first(norm(tokens))))
    tokens = encoder.norm(tokens)
    features = torch.stack([one[mask].mean(dim=0) for one, mask in zip(tokens, seen, strict=True)])
    torch.testing.assert_close(encoder((image, text)), features)
    assert isinstance(encoder.norm, nn.LayerNorm) == final_norm


@pytest.mark.parametrize("hidden", [0, 3], ids=["all", "some hidden"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_in_16_bits_is_that_of_64_within_rounding(dtype: torch.dtype, hidden: int) -> None:
    rounded = torch.randn(3, 5, 4, 7, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    visible = (torch.arange(7) < 7 - hidden).expand(5, 1, 1, 7)
    results = []
    for kind in (dtype, torch.float64):
        inputs = rounded.to(kind, copy=True).requires_grad_()
        out = attend(*inputs, visible if hidden else None)
        out.square().sum().backward()
        assert out.dtype == kind
        assert inputs.grad is not None
        results.append((out.double(), inputs.grad.double()))
    for got, wanted in zip(*results, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=4 * torch.finfo(dtype).eps * wanted.abs().max().item())
    if hidden:
        assert results[0][1][1:, ..., -hidden:, :].abs().max() == 0


@pytest.mark.parametrize(("pooling", "alike"), [("masked", True), ("all", False)])
def test_padding_counts_only_under_the_benchmarks_pooling(pooling: str, alike: bool) -> None:
    """A padded sample equals its shorter self, unless padding is attended to and averaged."""
    spec = Spec((Tokens(11, 6, padding=0),))
    encoder = make_encoder(spec, replace(SMALL, pooling=pooling), seed=0).eval()
    ids = torch.tensor([[3, 7, 5, 0, 0, 0]])
    with torch.no_grad():
        before = encoder((ids,))
        encoder.positions[4:].neg_()  # the padding's own positions
        encoder.embeddings[0].weight[0].neg_()
        after = encoder((ids,))
    assert torch.allclose(before, after, atol=1e-6) == alike


def test_dropout_is_off_in_eval_and_on_in_training() -> None:
    encoder = make_encoder(SPECS["2d"], SMALL, seed=0)
    inputs = sample(SPECS["2d"])
    assert not torch.equal(encoder(inputs), encoder(inputs))
    encoder.eval()
    assert torch.equal(encoder(inputs), encoder(inputs))


def test_weights_follow_from_the_seed_alone() -> None:
    before = torch.get_rng_state()
    one = make_encoder(SPECS["2d"], SMALL, seed=4).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    two = make_encoder(SPECS["2d"], SMALL, seed=4).state_dict()
    other = make_encoder(SPECS["2d"], SMALL, seed=5).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["positions"], other["positions"])


def test_wrong_inputs_are_refused_in_one_line() -> None:
    encoder = make_encoder(SPECS["image+text"], SMALL, seed=0)
    image, text = sample(SPECS["image+text"])
    with pytest.raises(UserError, match="inputs: got 1 tensors, must be 2"):
        encoder((image,))
    with pytest.raises(UserError, match=r"inputs: input 1 has shape \(5, 5\), must be \(B, 6\)"):
        encoder((image, text[:, 1:]))


def test_gaps_are_seen_by_no_token() -> None:
    spec = Spec((Grid(2, (12,), (4,), gaps=True), Table(2, (3,), limits=((0, 1), (0, 1)), gaps=True)))
    encoder = make_encoder(spec, SMALL, seed=0).eval()
    grid, table = torch.rand(3, 2, 12), torch.tensor([[0.5, 0.1, 1.0]] * 3)
    grid[1, :, 3:] = torch.nan
    table[2, 1] = torch.nan
    padding = encoder.padding((grid, table))
    assert padding is not None
    assert padding.int().tolist() == [[0, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    features = encoder((grid, table))
    assert features.isfinite().all()
    # Whatever the weights make of a place that is missing, no feature hears of it.
    with torch.no_grad():
        encoder.positions[2:4] += 7
    assert torch.equal(encoder((grid, table))[1], features[1])
    assert not torch.equal(encoder((grid, table))[0], features[0])
