"""Samples that could not be read in, a finding for each part that has some out."""

from __future__ import annotations

from collections.abc import Iterator

from randquant.doctor.finding import Finding, Patient

_NAMED = 3


def unreadable(patient: Patient) -> Iterator[Finding]:
    """Files that no decoder takes."""
    for part, told in patient.broken.items():
        if told:
            asked = len(told) + len(patient.read[part].ids)
            named = "; ".join(told[:_NAMED]) + (f"; and {len(told) - _NAMED} more" if len(told) > _NAMED else "")
            yield Finding(
                "unreadable",
                f"{len(told):,} of {asked:,} samples of {part} cannot be read: {named}",
                "a training stops at the first of them",
                "fetch or export these files again, or take them out",
            )
