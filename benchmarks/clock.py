"""Calls in, median seconds out: all of them run in turn, in one process."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)

FEWEST = 3
_BUSY = 1 << 30  # bytes; writing them keeps a GPU busy until the call is queued, and empties its cache


def cpu_seconds(call: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    del result  # giving its memory back is not the call's time
    return seconds


def cuda_seconds(call: Callable[[], Tensor]) -> float:
    """Seconds of the device alone, as its own events measure them."""
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.empty(_BUSY, dtype=torch.uint8, device="cuda").zero_()
    start.record()
    call()
    stop.record()
    stop.synchronize()
    return float(start.elapsed_time(stop)) / 1000


def medians(
    groups: Sequence[Mapping[Key, Callable[[], Tensor]]],
    seconds: Callable[[Callable[[], Tensor]], float] = cpu_seconds,
    *,
    rounds: int,
    budget: float = 1.0,
) -> dict[Key, float]:
    """The median seconds of each call.

    Args:
        groups: calls that are compared with each other run side by side, in an order that changes from round to round.
        seconds: runs a call and says how long it took.
        rounds: how often each call runs.
        budget: seconds after which a slow call sits out, once it has run three times.
    """
    order = random.Random(0)
    times: dict[Key, list[float]] = {key: [] for group in groups for key in group}
    for _ in range(rounds):
        for group in groups:
            for key in order.sample(list(group), len(group)):
                if len(times[key]) < FEWEST or sum(times[key]) < budget:
                    times[key].append(seconds(group[key]))
    return {key: statistics.median(taken) for key, taken in times.items()}
