"""Samples in, findings about samples that occur twice out: in one part, in two, or in one group on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from randquant.data import Batch
from randquant.doctor.finding import Finding, Patient


def duplicates(patient: Patient) -> Iterator[Finding]:
    """Samples of the training part that are the same as an earlier one."""
    batch = patient.read["train"]
    first: dict[bytes, int] = {}
    copies = [(row, first.setdefault(name, row)) for row, name in enumerate(_names(batch))]
    copies = [(row, earlier) for row, earlier in copies if row != earlier]
    if not copies:
        return
    row, earlier = copies[0]
    verb = "is a copy" if len(copies) == 1 else "are copies"
    what = (
        f"{len(copies):,} of {len(batch.ids):,} samples of train {verb} of others, "
        f"such as {patient.dataset.called(int(batch.ids[row]))} of {patient.dataset.called(int(batch.ids[earlier]))}"
    )
    if batch.target is not None:
        disagree = sum(not bool((batch.target[a] == batch.target[b]).all()) for a, b in copies)
        what += f"; {disagree:,} with another label" if disagree else ""
    yield Finding(
        "duplicates",
        what,
        "contrastive methods push the copies of a sample apart, as if they were strangers",
        "keep one of each",
    )


def leakage(patient: Patient) -> Iterator[Finding]:
    """Samples of other parts that training has seen, and groups that stand on both sides."""
    train = patient.read["train"]
    seen = set(_names(train))
    for part, batch in patient.read.items():
        if part == "train" or not len(batch.ids):
            continue
        known = [row for row, name in enumerate(_names(batch)) if name in seen]
        if known:
            yield Finding(
                "leakage",
                f"{len(known):,} of {len(batch.ids):,} samples of {part} stand in train too, "
                f"such as {patient.dataset.called(int(batch.ids[known[0]]))}",
                f"a score on {part} measures in part what was learnt by heart",
                f"take them out of {part}",
            )
        groups, others = train.groups, batch.groups
        if groups is None or others is None:
            continue
        both = sorted(set(groups.tolist()) & set(others.tolist()))
        if both:
            yield Finding(
                "leakage",
                f"{len(both):,} group{'s' if len(both) > 1 else ''} of {part} stand{'' if len(both) > 1 else 's'} in "
                f"train too, such as {both[0]}",
                f"a score on {part} is about these groups, and not about new ones",
                "split by group",
            )


def _names(batch: Batch) -> Iterator[bytes]:
    """A name of each sample's inputs that copies share."""
    arrays = [values.contiguous().numpy() for values in batch.inputs]
    for row in range(len(batch.ids)):
        digest = hashlib.blake2b(digest_size=16)
        for array in arrays:
            digest.update(array[row].tobytes())
        yield digest.digest()
