"""`randquant doctor` and a data set in, its findings on standard output out."""

from __future__ import annotations

import torch
from torch import Tensor

from randquant.data import Batch, Dataset, Samples, open_data
from randquant.doctor import constant, copies, outliers, sizes, unreadable, values
from randquant.doctor.finding import Check, Finding, Patient
from randquant.errors import UserError
from randquant.settings import DoctorSettings
from randquant.terminal import is_drawn, remark, tell, write_table

CHECKS: tuple[Check, ...] = (
    unreadable.unreadable,
    values.not_finite,
    values.scale,
    constant.constant,
    outliers.outliers,
    copies.duplicates,
    copies.leakage,
    sizes.lengths,
    sizes.batches,
)
_ROWS = 64  # samples that are read at a time


def doctor(settings: DoctorSettings) -> int:
    """Examine a data set and tell what was found.

    Returns:
        the exit code: 0 where nothing was found, 1 where something was, 2 where samples cannot be read.

    Raises:
        UserError: the data set is not there, or nothing of it can be read.
    """
    dataset = open_data(settings.data)
    patient = admit(dataset, bins=settings.bins, batch=settings.batch or dataset.batch, samples=settings.samples)
    findings = examine(patient)
    if is_drawn():
        for number, one in enumerate(findings, 1):
            tell(f"{number}. {one.check}: {one.what}. {one.consequence[0].upper()}{one.consequence[1:]}.")
            tell(f"   -> {one.option}")
    elif findings:
        rows = [(one.check, one.what, one.consequence, one.option) for one in findings]
        write_table(("check", "what", "consequence", "option"), rows, text_columns=4)
    if not settings.quiet:
        looked = ", ".join(
            f"{len(batch.ids):,} of {len(dataset.parts[part].ids):,} samples of {part}"
            for part, batch in patient.read.items()
        )
        remark(f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'} in {looked}")
    return 2 if any(patient.broken.values()) else min(len(findings), 1)


def examine(patient: Patient) -> list[Finding]:
    """Every check's findings, in the order of CHECKS."""
    return [finding for check in CHECKS for finding in check(patient)]


def admit(dataset: Dataset, *, bins: int, batch: int, samples: int) -> Patient:
    """Read the samples of every part: all that are in memory, or `samples` of those in files, spread evenly.

    Raises:
        UserError: no sample of the training part can be read.
    """
    read, broken = {}, {}
    for part, some in dataset.parts.items():
        count = len(some.ids)
        rows = torch.linspace(0, count - 1, min(samples, count)).long()
        read[part], broken[part] = (some, []) if isinstance(some, Batch) else _read(some, rows)
        if broken[part] and not len(read[part].ids):
            raise UserError(f"data: no sample of {part} can be read; the first: {broken[part][0]}")
    return Patient(dataset, read, broken, bins, batch)


def _read(samples: Samples, rows: Tensor) -> tuple[Batch, list[str]]:
    """The samples of these rows that can be read, and what was said of the others."""
    batches, told = [], []
    for some in torch.split(rows, _ROWS):
        try:
            batches.append(samples.take(some))
        except UserError:
            for row in some:
                try:
                    batches.append(samples.take(row[None]))
                except UserError as problem:
                    told.append(str(problem))
    if not batches:
        return Batch(rows[:0], ()), told
    inputs = tuple(torch.cat(one) for one in zip(*(batch.inputs for batch in batches), strict=True))
    target = None if batches[0].target is None else torch.cat([b.target for b in batches if b.target is not None])
    groups = None if batches[0].groups is None else torch.cat([b.groups for b in batches if b.groups is not None])
    return Batch(torch.cat([batch.ids for batch in batches]), inputs, target, groups), told
