"""Pieces of work over several processes: whoever stops listening waits for none of them."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from randquant.bench.spread import spread


@pytest.mark.soak
def test_what_is_left_is_not_waited_for() -> None:
    outcomes = spread(time.sleep, [0.0, 300.0, 300.0, 300.0], processes=2)
    assert next(outcomes) is None
    start = time.monotonic()
    outcomes.close()  # as an interruption would
    assert time.monotonic() - start < 60
    assert not multiprocessing.active_children()
