"""Samples that could not be read in, a finding for each part that has some out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from randquant.doctor.finding import Finding, Patient

_NAMED = 3


def unreadable(patient: Patient) -> Iterator[Finding]:
    """Files that no decoder takes."""
    for part, told in patient.broken.items():
        if told:
            asked = len(told) + len(patient.read[part].ids)
            yield _finding(f"{len(told):,} of {asked:,} samples of {part} cannot be read", told)


def files(told: Sequence[str], *, all_of_them: bool) -> Iterator[Finding]:
    """Files that were passed over when the data set was opened, or that kept it from being opened."""
    if told:
        least = "" if all_of_them else "at least "
        yield _finding(f"{least}{len(told):,} file{'s' if len(told) > 1 else ''} cannot be read", told)


def _finding(what: str, told: Sequence[str]) -> Finding:
    named = "; ".join(told[:_NAMED]) + (f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else "")
    return Finding(
        "unreadable",
        f"{what}: {named}",
        "a training stops at the first of them",
        "fetch or export these files again, or take them out",
    )
