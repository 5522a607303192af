"""Keys or a generator in, uniform fractions out: every random number of randquant is drawn here.

A key is a 64-bit integer that names one stream of numbers. Numbers are a pure function of their key
(Philox4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), written in
integer tensor arithmetic, so batch composition, order, worker, rank and device change nothing.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import zlib
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_STREAM, _FOLD = 0, 1  # the last counter word: numbers of a key, or keys below a key


def _philox(keys: Tensor, low: Tensor, high: Tensor, kind: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Encrypt the counters (low, high, 0, kind) under 64-bit keys: four int64 tensors of 32-bit words."""
    c0, c1, c2, c3 = low, high, torch.zeros_like(low), torch.full_like(low, kind)
    k0, k1 = keys & _WORD, (keys >> 32) & _WORD
    for _ in range(_ROUNDS):
        # The product of two 32-bit words fits 64 bits; int64 wraps around, which leaves its bits right.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) & _WORD ^ c1 ^ k0, p1 & _WORD, (p0 >> 32) & _WORD ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1, c2, c3


@functools.cache
def _compiled(device: str) -> ModuleType | None:
    """The same draws compiled for a kind of device; None where plain torch makes them."""
    module, library = {"cpu": ("cpu.draw", "numba"), "cuda": ("gpu.draw", "triton")}.get(device, ("", ""))
    installed = library and importlib.util.find_spec(library) is not None
    return importlib.import_module(f"{__package__}.{module}") if installed else None


def fold(keys: Tensor, *words: int | str | Tensor) -> Tensor:
    """Derive one key below each key, as a folder below a folder.

    Args:
        keys: int64, any shape; a single one on the CPU goes with a first word on any device, as torch's numbers do.
        words: integers, names (their CRC-32 stands for them), or int64 tensors that broadcast with keys; each names
            the key below the one before.

    Returns:
        int64 keys in the shape that keys and words broadcast to.
    """
    named = [word_of(word) if isinstance(word, str) else word for word in words]
    leading = named[0] if named and not keys.ndim else keys
    device = leading.device if isinstance(leading, Tensor) else keys.device
    if compiled := _compiled(device.type):
        derived: Tensor = compiled.fold(keys, named)
        return derived
    for word in named:
        below = word if isinstance(word, Tensor) else torch.tensor(word, dtype=torch.int64, device=keys.device)
        c0, c1, _, _ = _philox(keys, below & _WORD, (below >> 32) & _WORD, _FOLD)
        keys = c1 << 32 | c0
    return keys


def word_of(purpose: str) -> int:
    """The word that a name stands for."""
    return zlib.crc32(purpose.encode())


def uniform(keys: Tensor, count: int, purpose: str = "", *, runs: int = 0) -> Tensor:
    """The first `count` numbers of each key for a purpose: float32 multiples of 2^-24 in [0, 1), (*keys, count).

    Args:
        keys: int64, any shape.
        count: how many a key.
        purpose: names the stream.
        runs: into how many runs of one length they are cut, each sorted; 0 leaves all as they are drawn.
    """
    draw = getattr(_compiled(keys.device.type), "uniform", _uniform)
    drawn: Tensor = draw(keys.flatten(), count, word_of(purpose), runs)
    return drawn.view(*keys.shape, count)


def _uniform(keys: Tensor, count: int, purpose: int, runs: int) -> Tensor:
    blocks = torch.arange(-(-count // 4), dtype=torch.int64, device=keys.device)
    words = _philox(keys.unsqueeze(-1), blocks, torch.full_like(blocks, purpose), _STREAM)
    bits = torch.stack(words, dim=-1).flatten(-2)[..., :count]
    return _in_runs((bits >> 8).to(torch.float32) * 2.0**-24, runs)


def _in_runs(numbers: Tensor, runs: int) -> Tensor:
    """Rows [K, count] with each of their runs ascending; as they are where there are no runs."""
    if not runs or not numbers.numel():
        return numbers
    return _ascending(numbers.reshape(len(numbers), runs, -1)).flatten(1)


class Keys(NamedTuple):
    """Keys that are named and not derived yet: what draws from them may do both in one go."""

    ids: Tensor  # int64 [B]
    root: Tensor | None = None  # int64 [], on the CPU: the ids name keys below it; None: they are the keys
    words: tuple[int, int] = (0, 0)  # name one key below each of those, and so on

    def derived(self) -> Tensor:
        """The keys: int64 [B]."""
        return self.ids if self.root is None else fold(self.root, self.ids, *self.words)


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

    def draw(purpose: str, rows: int, columns: int, runs: int = 0) -> Tensor:
        if keys is not None:
            return uniform(keys, columns, purpose, runs=runs)
        source = device if generator is None else generator.device
        numbers = torch.rand(rows * columns, generator=generator, device=source, dtype=torch.float32)
        numbers = numbers.to(device).view(rows, columns)
        return _in_runs(numbers, runs)

    def coins() -> Tensor | None:
        """Whether each quantizer's sample is quantized, [S]; None where all are."""
        return None if p == 1 else (draw("applied", samples, 1) < p).expand(samples, channels).flatten()

    def spread(rows: Tensor) -> Tensor:
        """[groups, channels or 1, ...] to [S, ...], one row for each quantizer."""
        return rows.expand(samples, channels, *rows.shape[2:]).flatten(0, 1)

    if (fused := _fused(device, keys, bins)) and not (uniform_edges or midpoint):
        edges, values = fused(keys, channels, most, word_of("edges"), word_of("values"))
        return Fractions(edges, values, None, coins())
    counts = None
    if fewest < most:
        counts = fewest + (draw("bins", groups, 1) * (most - fewest + 1)).long()  # [groups, 1]
    if uniform_edges:
        edges = _uniform_edges(fewest, most).to(device)  # [most - fewest + 1, R-1]
        edges = edges[torch.zeros(1, 1, dtype=torch.long, device=device) if counts is None else counts - fewest]
        edges = edges.expand(groups, 1, most - 1)
    else:
        edges = draw("edges", groups, channels * (most - 1), runs=channels if counts is None else 0)
        edges = edges.view(groups, channels, most - 1)
        if counts is not None:
            unused = torch.arange(1, most, device=device) >= counts  # [groups, R-1]
            edges = _ascending(edges.masked_fill(unused.unsqueeze(1), torch.inf))
    values = None if midpoint else draw("values", groups, channels * most).view(groups, channels, most)
    return Fractions(
        edges=spread(edges),
        values=None if values is None else spread(values),
        bins=None if counts is None else spread(counts),
        applied=coins(),
    )


def _fused(device: torch.device, keys: Tensor | None, bins: tuple[int, int]) -> Any:
    """What draws edges and values of keys at once on this device; None where nothing does."""
    fewest, most = bins
    compiled = _compiled(device.type) if keys is not None and fewest == most > 1 else None
    return getattr(compiled, "edges_and_values", None) if most <= getattr(compiled, "LONGEST", 0) else None


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
    return int(fold(torch.tensor(seed), purpose, *words))


@functools.lru_cache(maxsize=16)  # one holds for an epoch
def _root(seed: int, epoch: int) -> Tensor:
    """The key of an epoch, on the CPU."""
    return fold(torch.tensor(seed, dtype=torch.int64, device="cpu"), epoch)


class Draws:
    """The random numbers of one training step, for the samples of one batch.

    Each number is keyed by seed, epoch, sample id, view and purpose, and by nothing else: neither by the batch that a
    sample is in, nor by the process that holds it.

    Args:
        seed, epoch: whole numbers.
        ids: int64 [G], the ids of the samples of all processes, not to be changed; numbers come out on its device.
        rows: which of them this process holds: B of the G.

    Attributes:
        rows: int64 [B], where this process's samples stand among all.
    """

    def __init__(self, seed: int, epoch: int, ids: Tensor, rows: slice = slice(None)) -> None:
        self._root, self._slice = _root(seed, epoch), rows
        self._all_ids, self._ids = ids, ids if rows == slice(None) else ids[rows]

    @functools.cached_property
    def rows(self) -> Tensor:
        return torch.arange(len(self._all_ids), device=self._all_ids.device)[self._slice]

    def named(self, purpose: str, view: int = 0) -> Keys:
        """Keys for `randomized_quantize`."""
        return Keys(self._ids, self._root, (word_of(purpose), view))

    def keys(self, purpose: str, view: int = 0) -> Tensor:
        """Keys for `randomized_quantize` or `uniform`: int64 [B]."""
        return self.named(purpose, view).derived()

    def uniform(self, purpose: str, *shape: int, view: int = 0) -> Tensor:
        """Uniform numbers in [0, 1): float32 [B, *shape]."""
        return uniform(self.keys(purpose, view), torch.Size(shape).numel()).reshape(-1, *shape)

    def permutation(self, purpose: str, view: int = 0) -> Tensor:
        """This process's part of a random permutation of all samples: int64 [B], each from 0 to G - 1.

        It may keep fixed points.
        """
        return fold(self._root, self._all_ids, purpose, view).argsort(stable=True)[self.rows]
