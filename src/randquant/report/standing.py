"""The tasks of a suite in, what may be said of them in words out: plain rows first, then the paper's differences.

A method is said to be ahead of another where the interval of their paired difference, over 3 seeds at least, leaves out
0. Of fewer seeds the means are told, and that they are of so many. Tasks that are made up count only where there are no
others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from randquant.report.findings import listed, percent
from randquant.report.looks import PLAIN, Look
from randquant.report.paired import FEWEST_SEEDS

if TYPE_CHECKING:
    from randquant.report.summary import TaskRow

Tasks = Sequence["TaskRow"]


def standing(tasks: Tasks, methods: Mapping[str, Look]) -> str:
    """Whether a trained method beats the plain rows; "" where none of them, or of the others, was measured."""
    kinds = [{method in PLAIN for method, cell in row.cells.items() if cell} for row in tasks]
    both = [row for row, kind in zip(tasks, kinds, strict=True) if len(kind) == 2]
    if not both:
        return ""
    if len(tasks) > 1:
        real, word = _counted(both, tasks)
        won = sum(bool(row.above_plain) for row in real)
        every = counted(len(real), word)
        if won:
            trained = {method for row in real for method, cell in row.cells.items() if cell} - set(PLAIN)
            some = "the trained method" if len(trained) == 1 else f"at least one of {len(trained)} trained methods"
            return f"{some} beats the plain rows on {won} of {every}"
        return f"no trained method is shown to beat the plain rows on any of {every}"
    row, seeds = tasks[0], seeds_of(tasks)
    if row.above_plain:
        several = len(row.above_plain) > 1 or methods[row.above_plain[0]].plural
        names = listed([methods[method].inline for method in row.above_plain])
        return f"{names} {'beat' if several else 'beats'} the plain rows on {row.task}"
    best = {
        plain: max(cell.mean for method, cell in row.cells.items() if cell and (method in PLAIN) is plain)
        for plain in (True, False)
    }
    few = counted(seeds, "seed") if seeds < FEWEST_SEEDS else ""
    if best[False] > best[True]:
        return f"no trained method is shown to beat the plain rows on {row.task}{f' by {few}' if few else ''}"
    return f"no trained method beats the plain rows on {row.task}{f' in {few}' if few else ''}"


def differences(tasks: Tasks, methods: Mapping[str, Look], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """What each difference says, or all means where there are too few seeds for any."""
    seeds = seeds_of(tasks)
    if seeds < FEWEST_SEEDS:
        return [_means(tasks, methods, seeds)] if seeds else []
    told = []
    for pair in pairs:
        real, word = _counted([row for row in tasks if pair in row.gaps], tasks)
        gaps = [row.gaps[pair] for row in real]
        one, other = (methods[name].inline for name in pair)
        ahead, behind = (sum(sign * gap.mean > 0 and gap.decided for gap in gaps) for sign in (1, -1))
        if len(tasks) > 1 and gaps:
            rest = len(gaps) - ahead - behind
            told.append(
                f"{one} is ahead of {other} on {ahead} of {counted(len(gaps), word)}, behind on {behind} and not told "
                f"apart from it on {rest}"
            )
        elif gaps and gaps[0].seeds >= FEWEST_SEEDS:
            verb = "is ahead of" if ahead else "is behind" if behind else "is not told apart from"
            told.append(f"{one} {verb} {other}")
    return told


def seeds_of(tasks: Tasks) -> int:
    """The most seeds that any cell has."""
    return max((cell.count for row in tasks for cell in row.cells.values() if cell), default=0)


def counted(number: int, word: str) -> str:
    """ "1 task", "2 tasks"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _means(tasks: Tasks, methods: Mapping[str, Look], seeds: int) -> str:
    many = counted(seeds, "seed")
    if len(tasks) > 1:
        return f"the figures are of {many}, from which no method is called ahead of another"
    cells = {method: cell for method, cell in tasks[0].cells.items() if cell}
    means = listed([f"{percent(cell.mean)} of {methods[method].inline}" for method, cell in cells.items()])
    return f"the means of {many} are {means}" if len(cells) > 1 else f"the mean of {many} is {means}"


def _counted(some: Tasks, tasks: Tasks) -> tuple[Tasks, str]:
    """The rows that count, and what they are called."""
    real = [row for row in some if not row.synthetic]
    return real or some, "real task" if real and any(row.synthetic for row in tasks) else "task"
