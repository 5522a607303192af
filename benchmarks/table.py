"""Results in, lines of Markdown out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bars import Verdict
from contestants import COPY
from results import MEMORY_BINS, Case, Results


def speed_table(results: Results) -> str:
    """One row for each batch and contestant; times beside their multiples of copy_ on the same batch."""
    bins = sorted({case.bins for case in results.seconds if case.bins})
    header = ["batch", "", "any R", *(f"R = {r}" for r in bins)]
    if results.extra:
        header.append(f"extra MB, R = {MEMORY_BINS}")
    on_gpu = any(case.batch.device != "cpu" for case in results.seconds)
    if on_gpu:
        header.append(f"of copy bandwidth, R = {MEMORY_BINS}")
    return markdown([header, *_rows(results, bins, on_gpu)])


def bar_table(verdicts: Sequence[Verdict], *, judged: bool) -> str:
    """One row for each bar; whether it is met only where that is to be judged."""
    rows = [["bar", "limit", "measured", ""]]
    for verdict in verdicts:
        bar, value = verdict.bar, verdict.value
        measured = "not here" if value is None else f"{value:.2f}"
        outcome = "" if value is None or not judged else "met" if verdict.met else "**missed**"
        rows.append([bar.text, f"at {'least' if bar.at_least else 'most'} {bar.limit:g}", measured, outcome])
    return markdown(rows)


def _rows(results: Results, bins: Sequence[int], on_gpu: bool) -> Iterator[list[str]]:
    shown = None
    for batch, contestant in dict.fromkeys(case[:2] for case in results.seconds):
        copy = results.seconds[Case(batch, COPY, 0)]
        cells = []
        for r in (0, *bins):
            seconds = results.seconds.get(Case(batch, contestant, r))
            cells.append("" if seconds is None else f"{_short(seconds * 1000)} ({_short(seconds / copy)}x)")
        named = [case for r in (MEMORY_BINS, 0) if (case := Case(batch, contestant, r)) in results.seconds]
        extra = [f"{results.extra[case] / 1e6:.1f}" for case in named if case in results.extra]
        share = [f"{copy / results.seconds[case]:.0%}" for case in named if batch.device != "cpu"]
        last = [*((extra or [""]) if results.extra else []), *((share or [""]) if on_gpu else [])]
        yield ["" if batch == shown else batch.title, contestant, *cells, *last]
        shown = batch


def _short(number: float) -> str:
    """Three digits, never an exponent."""
    return f"{number:.3g}" if 1e-4 <= number < 999.5 else f"{number:.0f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    header, *body = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join([header, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body])
