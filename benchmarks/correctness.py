"""The calls to be timed on a batch in, what they get wrong out: nothing wrong is timed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import oracle
import torch
from batches import Work
from contestants import CONTESTANTS, SEED, Call, Source, fractions, sample_keys, seeded_fractions
from results import Case
from torch import Tensor

from randquant.quantize import eager, reference
from randquant.quantize.draw import Fractions


def faults(work: Work, calls: Mapping[Case, Call]) -> Iterator[str]:
    """Run every call once; a line for each that does not give what it must.

    All must give, on the whole batch, what plain torch makes of the same draws. That must be, in the first and the
    last sample, what the reference and the dense implementation make of them.
    """
    known = {contestant.name: contestant for contestant in CONTESTANTS}

    def alike(case: Case) -> tuple[int, Source]:
        return case.bins, known[case.contestant].draws

    for (bins, source), cases in itertools.groupby(sorted(calls, key=alike), alike):
        if source == "none":
            for case in cases:
                calls[case]()  # what it imports or allocates at first it has before the clock starts
            continue
        answer = _plain_torch(work, bins, source)  # [B, C, N]
        for name, truth in _truths(work, bins, source):
            if not torch.equal(_ends(answer), truth):
                yield f"plain torch: {work.title}, R = {bins}: differs from the {name}"
        for case in cases:
            torch.manual_seed(SEED)
            work.out.zero_()  # the answer of the call before must not pass for this one's
            result = work.layout.of(calls[case]())
            if not (_close if known[case.contestant].compiles else torch.equal)(result, answer):
                wrong = int((result != answer).sum())
                yield f"{case.contestant}: {work.title}, R = {bins}: differs from plain torch in {wrong} elements"


def _drawn(work: Work, bins: int, source: Source) -> Fractions:
    return seeded_fractions(work, bins) if source == "generator" else fractions(work, bins, sample_keys(work))


def _plain_torch(work: Work, bins: int, source: Source) -> Tensor:
    x = work.layout.of(work.x)
    answer = torch.empty_like(x)
    eager.quantize(x, answer, _drawn(work, bins, source))
    return answer


def _truths(work: Work, bins: int, source: Source) -> Iterator[tuple[str, Tensor]]:
    """The first and the last sample [2, C, N] as the reference makes them, then as the dense implementation does.

    From a generator the dense one draws for itself, so the order of draws is checked with it.
    """
    samples, channels, _ = work.layout.shape
    x = _ends(work.layout.of(work.x))

    def of_ends(drawn: Tensor | None) -> Tensor:
        """Rows of all quantizers to those of the two samples."""
        assert drawn is not None
        return _ends(drawn.view(samples, channels, -1)).flatten(0, 1)

    drawn = _drawn(work, bins, source)
    u, v = of_ends(drawn.edges), of_ends(drawn.values)
    truth = torch.empty_like(x)
    reference.quantize(x, truth, Fractions(u, v, None, None))
    yield "reference", truth

    if source == "generator":
        torch.manual_seed(SEED)
        edges, values = oracle.draw(samples * channels, bins, device=x.device)
        u, v = of_ends(edges), of_ends(values)
    dense = oracle.quantize_rows(x.flatten(0, 1).float(), u, v).view(x.shape)
    if not x.dtype.is_floating_point:
        dense = dense.round().clamp(x.amin(-1, keepdim=True), x.amax(-1, keepdim=True))
    yield "dense implementation", dense.to(x.dtype)


def _ends(scopes: Tensor) -> Tensor:
    """The first and the last sample [2, ...]."""
    return scopes[[0, -1]]


def _close(result: Tensor, answer: Tensor) -> bool:
    """A compiler may fuse a product and a sum: values move by a rounding, and few elements change their bin."""
    near = (result - answer).abs() <= 1e-5
    return bool(near.float().mean() > 1 - 1e-4)
