"""paired: the interval of a difference covers seeds and test groups; by hand, and by how often it holds the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from randquant.report.paired import paired


def line(seed: int, right: list[int], samples: list[int], **changes: Any) -> dict[str, Any]:
    counts = {"blocks": {"added": right, "samples": samples}}
    return {"seed": seed, "value": sum(right) / sum(samples), **counts, **changes}


def test_seeds_are_paired_and_groups_widen_the_interval() -> None:
    samples = [10, 10, 20]
    one = [line(0, [5, 6, 7], samples), line(1, [6, 6, 8], samples), line(2, [1, 1, 1], samples)]
    other = [line(0, [4, 6, 6], samples), line(1, [4, 5, 6], samples), line(7, [9, 9, 9], samples)]
    gap = paired(one, other)
    assert gap is not None
    assert gap.mean == pytest.approx((2 + 5) / 2 / 40)
    assert gap.interval is not None
    plain = paired([{**row, "blocks": None} for row in one], [{**row, "blocks": None} for row in other])
    assert plain is not None
    assert plain.interval is not None
    seeds = plain.interval[1] - plain.mean
    assert seeds == pytest.approx(12.7062 * (3 / 40 / 2**0.5) / 2**0.5, rel=1e-4)  # Student's t, one degree of freedom
    groups = ((gap.interval[1] - gap.mean) ** 2 - seeds**2) ** 0.5
    # Blocks gain 1.5, 0.5 and 1.5 on 10, 10 and 20 samples; to first order the spread is that of the residuals.
    residuals = np.array([1.5, 0.5, 1.5]) - 3.5 / 40 * np.array(samples)
    assert groups == pytest.approx(4.3027 * 1.5**0.5 * np.sqrt((residuals**2).sum()) / 40, rel=0.15)


def test_what_cannot_be_paired() -> None:
    assert paired([line(0, [1], [2])], [line(1, [1], [2])]) is None
    alone = paired([line(0, [1], [2])], [line(0, [2], [2])])
    assert alone is not None
    assert (alone.mean, alone.interval, alone.decided) == (-0.5, None, False)


def test_seeds_with_other_test_groups_leave_the_groups_out() -> None:
    one = [line(0, [2, 1], [2, 2]), line(1, [2, 1, 2], [2, 2, 2])]
    other = [line(0, [1, 1], [2, 2]), line(1, [1, 1, 1], [2, 2, 2])]
    without = paired([{**row, "blocks": None} for row in one], [{**row, "blocks": None} for row in other])
    assert paired(one, other) == without
    earlier = [row | {"blocks": {"right": [1, 1], "samples": [2, 2]}} for row in other]
    assert paired(one, earlier) == without


@pytest.mark.parametrize("blocks", [3, 5, 40])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(blocks: int) -> None:
    rng = np.random.default_rng(0)
    samples, truth, held = [200] * blocks, 0.05, 0
    for _ in range(200):
        hard = rng.normal(0, 0.1, blocks)  # blocks on which the one method gains more
        rows = []
        for seed, luck in enumerate(rng.normal(0, 0.01, 5)):
            gained = np.clip(0.5 + truth + luck + hard, 0, 1)
            rows.append(
                (
                    line(seed, rng.binomial(200, gained).tolist(), samples),
                    line(seed, rng.binomial(200, 0.5, blocks).tolist(), samples),
                )
            )
        gap = paired(*zip(*rows, strict=True))
        assert gap is not None
        assert gap.interval is not None
        held += gap.interval[0] <= truth <= gap.interval[1]
    assert 184 <= held <= 200
