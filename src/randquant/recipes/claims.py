"""Result lines and what is to be shown in, a verdict for each claim out: yes, no, or inconclusive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from randquant.report.paired import Gap, paired
from randquant.report.results import Line, Results

Verdict = Literal["yes", "no", "inconclusive"]


@dataclass(frozen=True)
class Claim:
    """One row is ahead of another, or at least not far behind it.

    Attributes:
        one, other: the rows.
        margin: points by which `one` may be behind and still be called no worse; 0 asks whether it is ahead.
    """

    one: str
    other: str
    margin: float = 0.0

    def __str__(self) -> str:
        if self.margin:
            return f"{self.one} is at most {self.margin:g} points below {self.other}"
        return f"{self.one} is above {self.other}"

    def verdict(self, gap: Gap) -> Verdict:
        """Where the 95 % interval of the paired difference lies: above what is asked, below it, or on both sides."""
        if gap.interval is None:
            return "inconclusive"
        low, high = (100 * end for end in gap.interval)
        if low > -self.margin:
            return "yes"
        return "no" if high < -self.margin else "inconclusive"


def told(claims: Sequence[Claim], results: Results, suite: str, heads: Sequence[str]) -> Iterator[str]:
    """A table in Markdown, a row a claim and head that have been measured; lines of one task and suite alone count."""
    yield "| claim | head | difference | shown |"
    yield "|---|---|---:|---|"
    rows: dict[tuple[str, str], list[Line]] = {}
    for line in results.scores:
        if line["suite"] == suite and line["labels"] == "all":
            rows.setdefault((line["method"], line["head"]), []).append(line)
    for claim in claims:
        for head in heads:
            gap = paired(rows.get((claim.one, head), []), rows.get((claim.other, head), []))
            if gap is not None:
                ends = (
                    "" if gap.interval is None else " ({:+.1f} to {:+.1f})".format(*(100 * one for one in gap.interval))
                )
                yield f"| {claim} | {head} | {100 * gap.mean:+.1f}{ends} | {claim.verdict(gap)} |"
