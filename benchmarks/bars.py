"""Results in, verdicts out: the bars that the operation has to clear."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from batches import CHANNELS_LAST, EMBEDDINGS, IMAGES
from contestants import COPY, DENSE, FRESH, OUT
from results import Results

F32, U8 = torch.float32, torch.uint8


@dataclass(frozen=True)
class Bar:
    """A line of the list: what is measured, and the limit it has to keep."""

    text: str
    limit: float
    measure: Callable[[Results], float | None]  # None where this machine cannot tell
    at_least: bool = False

    def verdict(self, results: Results) -> Verdict:
        value = self.measure(results)
        met = value is None or (value >= self.limit if self.at_least else value <= self.limit)
        return Verdict(self, value, met)


@dataclass(frozen=True)
class Verdict:
    bar: Bar
    value: float | None
    met: bool


def dense_to_fresh(results: Results) -> float:
    return results.time(IMAGES, F32, DENSE, 8) / results.time(IMAGES, F32, FRESH, 8)


def out_to_copy(results: Results) -> float:
    few = [case.bins for case in results.seconds if 0 < case.bins <= 16]
    return max(results.time(IMAGES, F32, OUT, bins) for bins in few) / results.time(IMAGES, F32, COPY)


def fresh_to_clone(results: Results) -> float:
    return statistics.median(results.to_clone[IMAGES])


def many_to_few_bins(results: Results) -> float:
    return results.time(IMAGES, F32, OUT, 64) / results.time(IMAGES, F32, OUT, 8)


def megabytes_beyond_output(results: Results) -> float | None:
    case = results.find(IMAGES, F32, FRESH, 8)
    if case not in results.extra:
        return None
    return (results.extra[case] - case.batch.output_bytes) / 1e6


def embeddings_to_clone(results: Results) -> float:
    return statistics.median(results.to_clone[EMBEDDINGS])


def bytes_to_floats(results: Results) -> float:
    return max(results.time(kind, U8, OUT, 8) / results.time(kind, F32, OUT, 8) for kind in (IMAGES, CHANNELS_LAST))


# float32 images NCHW and R = 8 unless said.
BARS = [
    Bar("dense one-hot planes / fresh output", 40, dense_to_fresh, at_least=True),
    Bar("out= / copy_, the slowest R up to 16", 2.5, out_to_copy),
    Bar("fresh output / clone(), on fresh pages", 1.5, fresh_to_clone),
    Bar("R = 64 / R = 8, out=", 4, many_to_few_bins),
    Bar("peak extra memory of fresh output, less the output, MB", 1, megabytes_beyond_output),
    Bar("channels-last embeddings: (fresh output - its draws) / clone(), on fresh pages", 2, embeddings_to_clone),
    Bar("uint8 / float32, out=, the slower layout", 1, bytes_to_floats),
]
