"""`randquant doctor` and a data set in, its findings on standard output out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from randquant.data import Batch, Dataset, Samples, is_path, open_data, open_path
from randquant.data.reading import taken
from randquant.doctor import constant, copies, ids, outliers, sizes, unreadable, values
from randquant.doctor.finding import Check, Finding, Patient
from randquant.errors import InfiniteError, UnreadableError, UserError
from randquant.settings import DoctorSettings
from randquant.terminal import is_drawn, remark, tell, write_table

CHECKS: tuple[Check, ...] = (
    unreadable.unreadable,
    values.not_finite,
    values.scale,
    constant.constant,
    ids.ids,
    outliers.outliers,
    copies.duplicates,
    copies.leakage,
    sizes.lengths,
    sizes.batches,
)
_ROWS = 64  # samples that are read at a time
_UNREADABLE = 10  # files of a folder, from which on nothing else is looked at


def doctor(settings: DoctorSettings) -> int:
    """Examine a data set and tell what was found.

    Returns:
        the exit code: 0 where nothing was found, 1 where something was, 2 where samples cannot be read.

    Raises:
        UserError: the data set is not there, or nothing of it can be read.
    """
    dataset, unread, infinite = opened(settings)
    findings = list(unreadable.files(unread, all_of_them=dataset is not None))
    findings += [values.infinite(infinite)] if infinite else []
    read: Mapping[str, Batch] = {}
    if dataset is not None:
        patient = admit(dataset, bins=settings.bins, batch=settings.batch or dataset.batch, samples=settings.samples)
        findings += examine(patient)
        read = patient.read
        unread += [told for some in patient.broken.values() for told in some]
        if dataset.own is not None and not settings.quiet:
            for note in dataset.own.notes:
                remark(note)
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
            for part, batch in read.items()
            if dataset is not None
        )
        remark(f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'} in {looked or 'what was read'}")
    return 2 if unread else min(len(findings), 1)


def opened(settings: DoctorSettings) -> tuple[Dataset | None, list[str], str]:
    """The data set, with the files of a folder that cannot be read passed over, and what was said of each of these.

    What was said of infinite values comes last, "" where there are none; they are taken for missing then.
    Samples come from the files themselves, also where they were decoded before. There is no data set where a file that
    all others need cannot be read, or where too many cannot.

    Raises:
        UserError: the data set is not there, or is a single file that cannot be read.
    """
    told: dict[Path, str] = {}
    infinite = ""
    while len(told) < _UNREADABLE:
        try:
            if is_path(settings.data):
                dataset = open_path(settings.data, skipped=told, finite=not infinite, **settings.reading.choices())
                return dataset, list(told.values()), infinite
            return open_data(settings.data, cache=False, **settings.reading.choices()), [], ""
        except InfiniteError as problem:
            if infinite:
                raise
            infinite = str(problem)
        except UnreadableError as problem:
            if problem.path is None or problem.path in told or problem.path == Path(settings.data):
                raise
            told[problem.path] = str(problem)
            if not is_path(settings.data):
                break
    return None, list(told.values()), infinite


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
            batches.append(taken(samples, some))
        except UserError:
            for row in some:
                try:
                    batches.append(taken(samples, row[None]))
                except UserError as problem:
                    told.append(str(problem))
    if not batches:
        return Batch(rows[:0], ()), told
    inputs = tuple(torch.cat(one) for one in zip(*(batch.inputs for batch in batches), strict=True))
    target = None if batches[0].target is None else torch.cat([b.target for b in batches if b.target is not None])
    groups = None if batches[0].groups is None else torch.cat([b.groups for b in batches if b.groups is not None])
    return Batch(torch.cat([batch.ids for batch in batches]), inputs, target, groups), told
