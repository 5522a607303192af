"""A table in, a finding about columns that may be ids out."""

from __future__ import annotations

from collections.abc import Iterator

from randquant.doctor.finding import Finding, Patient

_NAMED = 5


def ids(patient: Patient) -> Iterator[Finding]:
    """Columns of whole numbers that are all different."""
    own = patient.dataset.own
    if own is None:
        return
    for place in range(len(own.form.inputs)):
        table = own.table(place)
        found = table.ids if table else ()
        if found:
            more = f" and {len(found) - _NAMED} others" if len(found) > _NAMED else ""
            yield Finding(
                "ids",
                f"{patient.name(place)}{', '.join(found[:_NAMED])}{more}: whole numbers, in each row another",
                "an id says which row it is, and often when it was made, which an encoder takes for what matters",
                "leave it out if it is an id; --id does so with a column of a table",
            )
