"""Keys or a generator in, uniform fractions out: every random number of randquant is drawn here.

A key is a 64-bit integer that names one stream of numbers. Numbers are a pure function of their key
(Philox4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), written in
integer tensor arithmetic, so batch composition, order, worker, rank and device change nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_STREAM, _FOLD = 0, 1  # the last counter word: numbers of a key, or keys below a key


def _philox(keys: Tensor, low: Tensor, high: Tensor, kind: int) -> tuple[Tensor, ...]:
    """Encrypt the counters (low, high, 0, kind) under 64-bit keys: four int64 tensors of 32-bit words."""
    if keys.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        fused = importlib.import_module(f"{__package__}.gpu_philox")
        return cast(tuple[Tensor, ...], fused.philox(keys, low, high, kind))
    if keys.device.type != "cpu":
        return _rounds(keys, low, high, torch.zeros_like(low), torch.full_like(low, kind))
    # The same arithmetic costs numpy a fraction of the time. Its arrays, unlike its scalars, wrap around silently.
    k, c0, c1 = keys.numpy()[None], low.numpy()[None], high.numpy()[None]
    words = _rounds(k, c0, c1, np.zeros(1, np.int64), np.full(1, kind, np.int64))
    return tuple(torch.from_numpy(np.asarray(word[0])) for word in words)


def _rounds(keys: Any, c0: Any, c1: Any, c2: Any, c3: Any) -> tuple[Any, Any, Any, Any]:
    """Philox4x32-10 on int64 arrays that broadcast, of numpy or torch."""
    k0, k1 = keys & _WORD, (keys >> 32) & _WORD
    for _ in range(_ROUNDS):
        # The product of two 32-bit words fits 64 bits; int64 wraps around, which leaves its bits right.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) & _WORD ^ c1 ^ k0, p1 & _WORD, (p0 >> 32) & _WORD ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1, c2, c3


def fold(keys: Tensor, word: int | str | Tensor) -> Tensor:
    """Derive one key below each key, as a folder below a folder.

    Args:
        keys: int64, any shape.
        word: an integer, a name (its CRC-32 stands for it), or an int64 tensor that broadcasts with keys.

    Returns:
        int64 keys in the shape that keys and word broadcast to.
    """
    if isinstance(word, str):
        word = _named(word)
    if not isinstance(word, Tensor):
        word = torch.tensor(word, dtype=torch.int64, device=keys.device)
    c0, c1, _, _ = _philox(keys, word & _WORD, (word >> 32) & _WORD, _FOLD)
    return c1 << 32 | c0


def _named(purpose: str) -> int:
    return zlib.crc32(purpose.encode())


def uniform(keys: Tensor, count: int, purpose: str = "") -> Tensor:
    """The first `count` numbers of each key for a purpose: float32 multiples of 2^-24 in [0, 1), (*keys, count)."""
    blocks = torch.arange(-(-count // 4), dtype=torch.int64, device=keys.device)
    words = _philox(keys.unsqueeze(-1), blocks, torch.full_like(blocks, _named(purpose)), _STREAM)
    bits = torch.stack(words, dim=-1).flatten(-2)[..., :count]
    return (bits >> 8).to(torch.float32) * 2.0**-24


class Fractions(NamedTuple):
    """What one call draws, S = samples x channels quantizers of at most R bins; ranges play no part in it."""

    edges: Tensor  # float32 [S, R-1] in [0, 1), ascending; inf where a quantizer has fewer bins
    values: Tensor | None  # float32 [S, R] in [0, 1), the place inside each bin; None: the middle
    bins: Tensor | None  # int64 [S], the bins of each quantizer; None: R in all
    applied: Tensor | None  # bool [S], False leaves a quantizer's sample as it is; None: all are quantized


def fractions(
    samples: int,
    channels: int,
    bins: tuple[int, int],
    *,
    uniform_edges: bool,
    midpoint: bool,
    p: float,
    shared: bool,
    device: torch.device,
    generator: torch.Generator | None = None,
    keys: Tensor | None = None,
) -> Fractions:
    """Draw everything that quantizing `samples` x `channels` scopes needs.

    Without keys the order of draws is the published module's: edges, values, then a coin for each sample. Bin
    counts, which that module does not draw, come first, and only if `bins` is a true range.

    Args:
        samples, channels: how many quantizers there are, sample-major.
        bins: the fewest and the most bins of a quantizer; drawn for each sample where they differ.
        uniform_edges, midpoint: equal steps, and middles, instead of draws.
        p: the probability that a sample is quantized.
        shared: all samples share the quantizers of their channels.
        device: where the numbers are wanted.
        generator: a torch generator; None is the default one of `device`. Not used with keys.
        keys: int64 [samples].
    """
    groups = 1 if shared else samples
    fewest, most = bins

    def draw(purpose: str, rows: int, columns: int) -> Tensor:
        if keys is not None:
            return uniform(keys, columns, purpose)
        source = device if generator is None else generator.device
        numbers = torch.rand(rows * columns, generator=generator, device=source, dtype=torch.float32)
        return numbers.to(device).view(rows, columns)

    def spread(rows: Tensor) -> Tensor:
        """[groups, channels or 1, ...] to [S, ...], one row for each quantizer."""
        return rows.expand(samples, channels, *rows.shape[2:]).flatten(0, 1)

    counts = None
    if fewest < most:
        counts = fewest + (draw("bins", groups, 1) * (most - fewest + 1)).long()  # [groups, 1]
    if uniform_edges:
        edges = _uniform_edges(fewest, most).to(device)  # [most - fewest + 1, R-1]
        edges = edges[torch.zeros(1, 1, dtype=torch.long, device=device) if counts is None else counts - fewest]
        edges = edges.expand(groups, 1, most - 1)
    else:
        edges = draw("edges", groups, channels * (most - 1)).view(groups, channels, most - 1)
        if counts is not None:
            unused = torch.arange(1, most, device=device) >= counts  # [groups, R-1]
            edges = edges.masked_fill(unused.unsqueeze(1), torch.inf)
        edges = _ascending(edges)
    values = None if midpoint else draw("values", groups, channels * most).view(groups, channels, most)
    applied = None if p == 1 else draw("applied", samples, 1) < p
    return Fractions(
        edges=spread(edges),
        values=None if values is None else spread(values),
        bins=None if counts is None else spread(counts),
        applied=None if applied is None else applied.expand(samples, channels).flatten(),
    )


def _ascending(edges: Tensor) -> Tensor:
    """Sort along the last dimension. On the CPU numpy does it faster, and wakes no threads that would spin on."""
    if edges.device.type != "cpu":
        return edges.sort().values
    return torch.from_numpy(np.sort(edges.numpy(), axis=-1))


def _uniform_edges(fewest: int, most: int) -> Tensor:
    """Row i: the R-1 inner edges of R = fewest + i equal bins, then inf; float32 [most - fewest + 1, most - 1]."""
    table = torch.full((most - fewest + 1, most - 1), torch.inf, dtype=torch.float32, device="cpu")
    for bins in range(max(fewest, 2), most + 1):
        # The published steps, of float32(1 / R). Ending half a step early makes their number right for every R.
        step = float(1 / torch.tensor(bins, dtype=torch.float32, device="cpu"))
        table[bins - fewest, : bins - 1] = torch.arange(step, 1 - step / 2, step, dtype=torch.float32, device="cpu")
    return table


def torch_seed(seed: int, purpose: str, *words: int) -> int:
    """A seed for torch's own generator, which draws weights and dropout, for one purpose only."""
    key = fold(torch.tensor(seed), purpose)
    for word in words:
        key = fold(key, word)
    return int(key)


class Draws:
    """The random numbers of one training step, for the samples of one batch.

    Each number is keyed by seed, epoch, sample id, view and purpose, and by nothing else: neither by the batch that a
    sample is in, nor by the process that holds it.

    Args:
        seed, epoch: whole numbers.
        ids: int64 [G], the ids of the samples of all processes; numbers come out on its device.
        rows: which of them this process holds: B of the G.

    Attributes:
        rows: int64 [B], where this process's samples stand among all.
    """

    def __init__(self, seed: int, epoch: int, ids: Tensor, rows: slice = slice(None)) -> None:
        root = fold(torch.tensor(seed, dtype=torch.int64, device=ids.device), epoch)
        self._all_keys = fold(root, ids)  # [G]
        self._keys = self._all_keys[rows]  # [B]
        self.rows = torch.arange(len(ids), device=ids.device)[rows]

    def keys(self, purpose: str, view: int = 0) -> Tensor:
        """Keys for `randomized_quantize` or `uniform`: int64 [B]."""
        return fold(fold(self._keys, purpose), view)

    def uniform(self, purpose: str, *shape: int, view: int = 0) -> Tensor:
        """Uniform numbers in [0, 1): float32 [B, *shape]."""
        return uniform(self.keys(purpose, view), torch.Size(shape).numel()).reshape(-1, *shape)

    def permutation(self, purpose: str, view: int = 0) -> Tensor:
        """This process's part of a random permutation of all samples: int64 [B], each from 0 to G - 1.

        It may keep fixed points.
        """
        return fold(fold(self._all_keys, purpose), view).argsort(stable=True)[self.rows]
