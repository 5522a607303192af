"""Keyed random numbers: known answers, distribution, and independence of everything but the key."""

import numpy as np
import pytest
import torch
from scipy import stats

from randquant.quantize import draw
from randquant.quantize.cpu import draw as cpu_draw


def test_philox_gives_the_published_answers() -> None:
    # Known-answer vectors of Random123 for philox4x32-10.
    zero, ones = torch.tensor(0), torch.tensor(0xFFFFFFFF)
    words = draw._philox(zero, zero, zero, 0)
    assert [int(word) for word in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    keys = torch.tensor(-1)  # all 64 bits set
    c0, c1 = ones, ones
    expected = philox_in_python((0xFFFFFFFF,) * 2, (0xFFFFFFFF, 0xFFFFFFFF, 0, 1))
    assert tuple(int(word) for word in draw._philox(keys, c0, c1, 1)) == expected
    assert philox_in_python((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 4) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


@pytest.mark.parametrize(("count", "runs"), [(1, 0), (7, 0), (70_000, 0), (1, 1), (21, 3), (45, 5), (512, 2)])
def test_compiled_numbers_are_those_of_plain_torch(count: int, runs: int) -> None:
    keys = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63)])
    assert torch.equal(cpu_draw.uniform(keys, count, 0xFFFFFFFE, runs), draw._uniform(keys, count, 0xFFFFFFFE, runs))
    assert cpu_draw.uniform(keys[:0], count, 1, runs).shape == (0, count)


def test_compiled_keys_are_those_of_plain_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = torch.tensor([[0, 1, -1], [2**63 - 1, -(2**63), 5]])
    cases = [(0,), (-3, "view"), (2**40 + 7, 9, 1), (keys.flip(0),), (5, keys.T.reshape(2, 3), 2**32)]
    folded = [(draw.fold(keys, *words), draw.fold(keys[0, 1], *words)) for words in cases]
    monkeypatch.setattr(draw, "_compiled", lambda device: None)
    for words, (many, one) in zip(cases, folded, strict=True):
        assert torch.equal(draw.fold(keys, *words), many)
        assert torch.equal(draw.fold(keys[0, 1], *words), one)


def philox_in_python(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 in Python's unbounded integers."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def test_uniform_numbers_are_uniform_and_independent() -> None:
    numbers = draw.uniform(torch.arange(1000), 50).double().numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]) < 0.1
    assert np.unique(numbers[:, 0]).size > 990


def test_numbers_depend_on_their_key_alone() -> None:
    keys = torch.tensor([7, -3, 2**40])
    whole = draw.uniform(keys, 10)
    assert torch.equal(draw.uniform(keys.flip(0), 10).flip(0), whole)
    assert torch.equal(draw.uniform(keys[1:2], 3), whole[1:2, :3])


def test_folded_keys_differ_by_every_word() -> None:
    keys = torch.arange(100)
    folded = [draw.fold(keys, word) for word in (0, 1, 2**33, "bins", "edges")]
    assert torch.cat([keys, *folded]).unique().numel() == 600
    assert torch.equal(draw.fold(keys, keys)[5:6], draw.fold(torch.tensor([5]), 5))


def test_draws_of_a_step_are_keyed_by_all_they_name() -> None:
    ids = torch.tensor([4, 9, 2])
    draws = draw.Draws(1, 2, ids)
    same = draw.Draws(1, 2, ids.flip(0))
    assert torch.equal(draws.uniform("mask", 5), same.uniform("mask", 5).flip(0))
    others = [
        draw.Draws(0, 2, ids).keys("mask"),
        draw.Draws(1, 0, ids).keys("mask"),
        draws.keys("crop"),
        draws.keys("mask", 1),
    ]
    assert torch.cat([draws.keys("mask"), *others]).unique().numel() == 15
    assert sorted(draws.permutation("partner").tolist()) == [0, 1, 2]
    assert draws.uniform("mask", 2, 3).shape == (3, 2, 3)


def test_permutations_are_uniform() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(600):
        permutation = tuple(draw.Draws(0, epoch, torch.arange(3)).permutation("partner").tolist())
        counts[permutation] = counts.get(permutation, 0) + 1
    assert len(counts) == 6
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


@pytest.mark.parametrize("bins", range(1, 65))
def test_uniform_edges_number_one_less_than_bins(bins: int) -> None:
    edges = draw._uniform_edges(bins, bins)[0]
    assert edges.shape == (bins - 1,)
    assert torch.allclose(edges, torch.arange(1, bins) / bins, atol=1e-6)


def test_a_range_of_bins_is_drawn_for_each_sample() -> None:
    fractions = draw.fractions(
        500,
        2,
        (3, 6),
        uniform_edges=False,
        midpoint=False,
        p=1,
        shared=False,
        device=torch.device("cpu"),
        keys=torch.arange(500),
    )
    assert fractions.bins is not None
    bins = fractions.bins.view(500, 2)
    assert torch.equal(bins[:, 0], bins[:, 1])
    assert stats.chisquare(bins[:, 0].bincount()[3:].numpy()).pvalue > 1e-3
    used = fractions.edges.isfinite().sum(1)
    assert torch.equal(used, fractions.bins - 1)
    assert bool((fractions.edges.diff(dim=1).nan_to_num(0) >= 0).all())
