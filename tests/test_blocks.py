"""blocks: whole groups, and what each adds to a score; by hand, and against known standard errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from randquant.data import Batch
from randquant.probe.blocks import added, blocks_of, sizes
from randquant.probe.metrics import auroc_macro, part_scorer, pearson
from randquant.probe.score import share_of
from randquant.report.paired import paired


def test_blocks_are_whole_groups() -> None:
    groups = torch.arange(1200) // 3
    blocks = blocks_of(Batch(torch.arange(1200), (torch.zeros(1200, 1),), None, groups))
    assert blocks.shape == (1200,)
    assert set(blocks.tolist()) == set(range(100))
    assert all(len(set(blocks[groups.numpy() == group].tolist())) == 1 for group in range(400))
    assert sum(sizes(blocks)) == 1200
    assert sizes(blocks)[7] == int((blocks == 7).sum())


def test_a_block_adds_to_an_accuracy_what_is_named_right_in_it() -> None:
    right, blocks = np.arange(1200) % 7 == 0, np.arange(1200) ** 2 % 10  # 0, 1, 4, 5, 6, 9
    blocks = np.unique(blocks, return_inverse=True)[1]
    assert added(share_of(right), blocks) == np.bincount(blocks, weights=right).tolist()
    scores = np.where(right, 1.0, -1.0)
    assert added(part_scorer("accuracy", scores, np.ones(1200, dtype=np.int64)), blocks) == added(
        share_of(right), blocks
    )


def test_one_block_adds_everything() -> None:
    right = np.array([True, False, True, True])
    assert added(share_of(right), np.zeros(4, dtype=np.int64)) == [3.0]


def test_a_block_adds_to_a_correlation_by_hand() -> None:
    scores, targets = np.array([0.0, 1.0, 3.0, 2.0, 5.0]), np.array([1.0, 0.0, 2.0, 4.0, 3.0])
    found = added(part_scorer("pearson", scores, targets), np.array([0, 0, 1, 1, 1]))
    whole = pearson(scores, targets)
    assert found == pytest.approx([5 * whole - 3 * pearson(scores[2:], targets[2:]), 5 * whole - 2 * -1.0], abs=1e-6)


def test_the_interval_of_an_area_under_a_curve_is_delongs() -> None:
    """Of two methods with the same seeds, whose only doubt is the test part."""
    rng = np.random.default_rng(0)
    found = (rng.random(1000) < 0.3).astype(np.int64)
    common = rng.normal(size=1000)
    strong, weak = (gain * found + common + rng.normal(size=1000) for gain in (1.5, 0.8))
    areas = [auroc_macro(one[:, None], found[:, None]) for one in (strong, weak)]
    blocks = rng.permutation(1000) % 100
    lines = [
        [
            {
                "seed": seed,
                "value": area,
                "blocks": {
                    "added": added(part_scorer("auroc_macro", one[:, None], found[:, None]), blocks),
                    "samples": sizes(blocks),
                },
            }
            for seed in range(2)
        ]
        for one, area in zip((strong, weak), areas, strict=True)
    ]
    gap = paired(*lines)
    assert gap is not None
    assert gap.interval is not None
    with_it, without = found == 1, found == 0
    placed = [(one[with_it][:, None] > one[without][None, :]).astype(float) for one in (strong, weak)]
    gained = placed[0] - placed[1]
    error = (gained.mean(axis=1).var(ddof=1) / with_it.sum() + gained.mean(axis=0).var(ddof=1) / without.sum()) ** 0.5
    assert gap.mean == pytest.approx(areas[0] - areas[1])
    assert gap.interval[1] - gap.mean == pytest.approx(norm.ppf(0.975) * error, rel=0.2)
