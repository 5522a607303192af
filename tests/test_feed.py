"""feed: every sample once an epoch in a keyed order, from any step on, in memory or through worker processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import _utils

from randquant import world
from randquant.data import Batch, Samples, open_data
from randquant.data.own import samples as own
from randquant.errors import UserError
from randquant.pretrain import feed as room
from randquant.pretrain.feed import check_finite, feed
from stored import Deadly, OnDisk, Torn

CPU = torch.device("cpu")
HELD = Batch(torch.arange(23) * 3 + 5, (torch.arange(46.0).reshape(23, 2),))


def batches(samples: Samples, count: int, first: int = 0, **changes: Any) -> list[tuple[Batch, Tensor]]:
    """Some batches, and a number drawn for each of their samples."""
    source = feed(samples, CPU, first=first, **{"seed": 0, "batch": 5, "workers": 2, **changes})
    found = [(batch, draws.uniform("some")) for batch, draws in islice(source, count)]
    source.close()
    return found


def stored_values(folder: Path) -> Path:
    np.save(folder / "values.npy", HELD.inputs[0].numpy())
    return folder / "values.npy"


def same(one: list[tuple[Batch, Tensor]], other: list[tuple[Batch, Tensor]]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.ids, b.ids) and torch.equal(a.inputs[0], b.inputs[0]) and torch.equal(x, y)
        for (a, x), (b, y) in zip(one, other, strict=True)
    )


def test_an_epoch_shows_each_sample_at_most_once() -> None:
    found = batches(HELD, 9)  # 4 batches of 5 an epoch, 3 samples left out
    for start in (0, 4):
        ids = torch.cat([batch.ids for batch, _ in found[start : start + 4]])
        assert len(set(ids.tolist())) == 20
    first, second = (torch.cat([batch.ids for batch, _ in found[start : start + 4]]) for start in (0, 4))
    assert not torch.equal(first, second)
    for batch, _ in found:
        rows = (batch.ids - 5) // 3
        assert torch.equal(batch.inputs[0], HELD.inputs[0][rows])
    assert not same(found, batches(HELD, 9, seed=1))


def test_numbers_are_keyed_by_epoch_and_sample() -> None:
    drawn: dict[int, list[float]] = {}
    for batch, numbers in batches(HELD, 8):
        for one, number in zip(batch.ids.tolist(), numbers.tolist(), strict=True):
            drawn.setdefault(one, []).append(number)
    twice = [numbers for numbers in drawn.values() if len(numbers) == 2]
    assert twice
    assert all(one != other for one, other in twice)


@pytest.mark.parametrize("first", [0, 3, 4, 6])
def test_from_any_batch_on(first: int) -> None:
    assert same(batches(HELD, 8)[first:], batches(HELD, 8 - first, first))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_give_what_memory_gives(workers: int, tmp_path: Path) -> None:
    stored = OnDisk(stored_values(tmp_path), HELD.ids)
    before = torch.get_rng_state()
    assert same(batches(stored, 7, 2, workers=workers), batches(HELD, 7, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_ctrl_c_does_not_end_the_workers(tmp_path: Path) -> None:
    """It reaches all processes of a terminal; the one that trains decides."""
    interrupted = Deadly(stored_values(tmp_path), HELD.ids, 4, signal.SIGINT)
    assert same(batches(interrupted, 7, workers=1), batches(HELD, 7))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_of_this_process_read_what_is_mapped(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "HELD", 0)
    if workers:
        monkeypatch.setattr(room, "DataLoader", lambda *_, **__: pytest.fail("a process was started"))
    np.save(tmp_path / "values.npy", np.random.default_rng(0).normal(size=(23, 3, 8)))
    mapped = open_data(str(tmp_path / "values.npy")).parts["train"]
    assert not isinstance(mapped, Batch)
    held = mapped.take(torch.arange(23))
    threads = threading.active_count()
    assert same(batches(mapped, 9, 2, workers=workers), batches(held, 9, 2))
    patience = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < patience:
        time.sleep(0.01)
    assert threading.active_count() <= threads  # one of an earlier test may have ended too
    (tmp_path / "values.npy").write_bytes(b"")
    os.utime(tmp_path / "values.npy", (1, 1))
    with pytest.raises(UserError, match=r"values\.npy cannot be read \(it is empty\)"):
        batches(mapped, 1, workers=workers)


def test_processes_share_a_batch_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batches(HELD, 5, batch=6)
    monkeypatch.setattr(world, "size", lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(world, "rank", lambda rank=rank: rank)
        parts.append(batches(HELD, 5, batch=6))
    for (all_of_it, numbers), (left, first), (right, second) in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([left.ids, right.ids]), all_of_it.ids)
        assert torch.equal(torch.cat([first, second]), numbers)
    source = feed(HELD, CPU, seed=0, batch=6)
    _, draws = next(source)
    assert draws.rows.tolist() == [3, 4, 5]
    assert set(draws.permutation("x").tolist()) <= set(range(6))


def test_values_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    values = HELD.inputs[0].clone()
    values[4, 1], values[7, 0] = torch.inf, torch.nan
    with pytest.raises(UserError, match=r"^data: input 0 holds NaN or infinite values in 2 of 23 samples.* id 17;"):
        check_finite(HELD._replace(inputs=(values,)))
    np.save(tmp_path / "values.npy", values.numpy())
    with pytest.raises(UserError, match=r"^data: input 0 holds NaN"):
        batches(OnDisk(tmp_path / "values.npy", HELD.ids), 4, workers=0)
    check_finite(HELD)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(5, "Input/output\nerror"), r"the sample with id 17 cannot be read \(OSError: .*Input/output error\)"),
        (KeyError("pixels"), r"the sample with id 17 cannot be read \(KeyError: 'pixels'\)"),
        (UserError("data: a.png is broken"), r"a\.png is broken \(the sample with id 17\)"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named(
    error: Exception, told: str, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_utils, "MP_STATUS_CHECK_INTERVAL", 0.5)  # seconds that torch waits for a worker's end
    (tmp_path / "torn").touch()
    with pytest.raises(UserError, match=f"^data: {told}$"):
        batches(Torn(stored_values(tmp_path), HELD.ids, 4, error), 9, workers=workers)
