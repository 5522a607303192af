"""A path in, a data set out; what was inferred of it is said in plain lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from randquant.data.batch import Dataset
from randquant.data.own import images, sounds
from randquant.data.own.arrays import open_array
from randquant.data.own.columns import TableForm
from randquant.data.own.form import Form
from randquant.data.own.grids import GridForm
from randquant.data.own.infinite import without_infinities
from randquant.data.own.labels import Labels, read_groups, read_labels
from randquant.data.own.media import FOLDER, Media, find_media
from randquant.data.own.samples import Rows, hold
from randquant.data.own.series import hold_series
from randquant.data.own.source import Source
from randquant.data.own.stored import Columns, coded
from randquant.data.own.tables import TableSource, open_table, read_columns
from randquant.data.own.texts import LINE, TEXT, read_lines
from randquant.data.own.words import TextForm
from randquant.data.present import check_utf8
from randquant.errors import UserError
from randquant.settings import ReadingSettings
from randquant.spec import Spec

SUFFIXES = {
    ".npy": "array", ".npz": "array", ".csv": "table", ".tsv": "table", ".parquet": "table",
    ".txt": "texts", ".jsonl": "texts",
}  # fmt: skip
MEDIA = {"images": images.SUFFIXES, "sounds": sounds.SUFFIXES, "texts": (".txt",)}  # of folders
BATCH = 128  # samples, and a quarter of them where they are few


@dataclass(frozen=True)
class Own:
    """What a data set of a path has beside its samples.

    Args:
        path: what was opened.
        form: what was inferred.
        notes: the same in words, a line each.
        names: a word for each sample of all parts, by its id; None where ids are all there is.
        held_out: ids of the samples that are not to be trained on, ascending.
        groups: the names of the groups these are of; () without groups.
        reading, holdout, seed: what it was opened with, so that it can be opened again.
    """

    path: Path | None
    form: Form
    notes: tuple[str, ...]
    names: Sequence[str] | None
    held_out: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    holdout: float = 0.0
    seed: int = 0

    def measured(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Inputs whose grids are as they were before they were scaled."""
        pairs = zip(self.form.inputs, inputs, strict=True)
        return tuple(form.measured(values) if isinstance(form, GridForm) else values for form, values in pairs)

    def table(self, place: int) -> TableForm | None:
        """How the columns of an input became numbers; None where it is no table."""
        form = self.form.inputs[place]
        return form if isinstance(form, TableForm) else None

    def to_dict(self) -> dict[str, Any]:
        """What a run keeps: plain values that JSON can hold."""
        held_out: list[Any] = list(self.held_out)
        if self.names is not None:
            held_out = [self.names[one] for one in self.held_out]
        return {
            "path": None if self.path is None else str(self.path.absolute()),
            "form": self.form.to_dict(),
            "notes": list(self.notes),
            "held_out": held_out,
            "held_out_groups": list(self.groups),
            "reading": self.reading.choices(),
            "holdout": self.holdout,
            "seed": self.seed,
        }


def may_be_path(name: str) -> bool:
    """Whether a name can be meant as a path: it is there, has a folder before it, or a suffix that is known."""
    return os.sep in name or Path(name).suffix.lower() in SUFFIXES or Path(name).exists()


def open_path(
    path: str | Path,
    *,
    form: Form | None = None,
    labelled: bool = True,
    holdout: float = 0.0,
    seed: int = 0,
    skipped: Collection[Path] = (),
    finite: bool = True,
    **reading: Any,
) -> Dataset:
    """Open a file or a folder.

    Args:
        path: an .npy, .npz, .csv, .tsv, .parquet, .txt or .jsonl file, or a folder of pictures, recordings or texts.
        form: of another path that this one is to be read like; None infers one.
        labelled: whether samples have their labels, so that those without one are left out; otherwise the column of
            labels is only kept out of the inputs.
        holdout: the share of the samples, or of whole groups, that is put in the part "test". Nothing is inferred
            from them: no scale, no range, no vocabulary.
        seed: names which.
        skipped: files of a folder that are passed over.
        finite: whether infinite values are refused; otherwise they are taken for missing, where that can be done.
        reading: the fields of `ReadingSettings`, such as `label` and `group`.

    Returns:
        the part "train" and, with a holdout, "test". `Dataset.own` has what was inferred.

    Raises:
        UserError: the path cannot be read as samples; in one line. It is an `UnreadableError` where it is a file that
            no decoder takes, and an `InfiniteError` where values are infinite.
    """
    settings = ReadingSettings(**reading)
    place = Path(path)
    kind, source = _opened(place, settings, form, skipped)
    if not finite:
        without_infinities(source)
    return as_dataset(kind, source, place, settings, form=form, labelled=labelled, holdout=holdout, seed=seed)


def open_source(path: Path, form: Form) -> Source:
    """What reads the raw values of a path that is read by a form.

    Raises:
        UserError: as in `open_path`.
    """
    return _opened(path, ReadingSettings(), form, ())[1]


def as_dataset(
    kind: str,
    source: Source,
    path: Path | None,
    settings: ReadingSettings,
    *,
    form: Form | None,
    labelled: bool,
    holdout: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """The data set of an opened path, as `open_path` gives it."""
    count = len(source)
    if form is None and count < 2:
        raise UserError(f"data: {path} holds {count} sample{'s' * (count != 1)}, needs 2 at least")
    label = settings.label or source.label
    labels = read_labels(source.column(label), label) if labelled and label else None
    if settings.label and labels is None:
        source.column(settings.label)  # it must be there, to be kept out
    groups, words = (None, ()) if not settings.group else read_groups(source.column(settings.group), settings.group)
    everything = np.arange(count)
    rows = everything if labels is None else np.flatnonzero(labels.known)
    if len(rows) < count:
        source.notes.append(f"labels: {count - len(rows):,} samples without one are left out")
    out = _held_out(everything, groups, holdout, seed)  # the same, whether labels are asked for or not
    kept, out = rows[~np.isin(rows, out)], rows[np.isin(rows, out)]
    form = form or Form(kind, source.how, source.fit(_range(kept), settings))
    spec = Spec(form.specs, None if labels is None else labels.target)
    parts = {"train": _part(source, form, kept, labels, groups)}
    if len(out):
        parts["test"] = _part(source, form, out, labels, groups)
        told = sorted({words[int(one)] for one in groups[out]}) if groups is not None else []
        whole = f", all of {len(told)} groups: {', '.join(told[:8])}{'…' if len(told) > 8 else ''}" if told else ""
        source.notes.append(
            f"held out: {len(out):,} of {count:,} samples{whole}; nothing is learnt or inferred from them"
        )
    else:
        told = []
    batch = min(BATCH, max(2, 1 << (len(kept) // 4).bit_length() - 1)) if len(kept) >= 8 else 2
    own = Own(path, form, tuple(source.notes), source.names, tuple(out.tolist()), tuple(told), settings, holdout, seed)
    classes, metric = ((), "accuracy") if labels is None else (labels.classes, labels.metric)
    words = next((one.words for one in form.inputs if isinstance(one, TextForm)), ())
    return Dataset(str(path), spec, parts, classes, metric=metric, batch=batch, words=words, own=own)


def _opened(path: Path, reading: ReadingSettings, form: Form | None, skipped: Collection[Path]) -> tuple[str, Source]:
    """The kind of a path, and what reads it."""
    how = None if form is None else form.how
    if not path.exists():
        raise UserError(f"data: {path} does not exist")
    if path.is_dir():
        return _opened_folder(path, reading, form, skipped)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"data: {path} is none of {', '.join(SUFFIXES)}, and no folder of pictures, sounds or texts")
    if not path.stat().st_size:
        raise UserError(f"data: {path} is empty")
    _check_kind(path, kind, form)
    if kind == "array":
        return kind, open_array(path, reading, how)
    if kind == "texts":
        columns, text, names = read_lines(path)
        return _texts(path, columns, text, names, how)
    if form is not None and form.kind == "series":
        assert how is not None
        return "series", hold_series(path, read_columns(path, []), reading, how)
    if reading.id and form is None:
        notes: list[str] = []
        columns = read_columns(path, notes)
        ids = columns.get(reading.id)
        if ids is not None and len(coded(ids)[1]) < len(ids):
            series = hold_series(path, columns, reading, how)
            series.notes += notes
            return "series", series
    return kind, open_table(path, reading, how)


def _check_kind(path: Path, kind: str, form: Form | None) -> None:
    """Refuse a path of another kind than the one that an encoder was trained on; a table may hold series."""
    if form is not None and form.kind not in ((kind, "series") if kind == "table" else (kind,)):
        raise UserError(f"data: {path} is read as {kind}, but the encoder was trained on {form.kind}")


def _opened_folder(
    path: Path, reading: ReadingSettings, form: Form | None, skipped: Collection[Path]
) -> tuple[str, Source]:
    suffixes = [one.suffix.lower() for one in path.rglob("*") if one.is_file()]
    counts = {kind: sum(one in known for one in suffixes) for kind, known in MEDIA.items()}
    kinds = [kind for kind, count in counts.items() if count]
    if not kinds:
        arrays = sum(one in SUFFIXES for one in suffixes)
        hint = f"; it holds {arrays} files to be opened by themselves" if arrays else ""
        raise UserError(f"data: {path} holds no pictures, recordings or texts{hint}")
    if len(kinds) > 1:
        told = ", ".join(f"{counts[kind]} {kind}" for kind in kinds)
        raise UserError(f"data: {path} holds files of mixed kinds: {told}; give a folder of one kind")
    kind, how = kinds[0], None if form is None else form.how
    _check_kind(path, kind, form)
    media = find_media(path, MEDIA[kind], reading, skipped)
    if kind == "texts":
        return _text_files(path, media, how)
    open_media: Callable[..., Source] = images.open_images if kind == "images" else sounds.open_sounds
    return kind, open_media(media, reading, how)


def _text_files(path: Path, media: Media, how: Mapping[str, Any] | None) -> tuple[str, Source]:
    texts = []
    for name in media.names:
        check_utf8(path / name)
        texts.append((path / name).read_text(encoding="utf-8"))
    columns = {**media.columns, TEXT: np.array(texts, dtype=object)}
    return _texts(path, columns, TEXT, media.names, how, FOLDER if media.label else "")


def _texts(
    path: Path,
    columns: Columns,
    text: str,
    names: Sequence[str],
    how: Mapping[str, Any] | None,
    label: str = "",
) -> tuple[str, Source]:
    source = TableSource(path, columns, {"inputs": [], "text": text if how is None else how["text"]}, names, label)
    beside = ", ".join(name for name in columns if name not in (text, LINE))
    source.notes.append(f"texts: {len(names):,}{f', with {beside} beside them' if beside else ''}")
    return "texts", source


def _held_out(rows: Any, groups: Tensor | None, share: float, seed: int) -> Any:
    """The rows that are not to be trained on: about the share of them, whole groups where there are some."""
    if not share:
        return rows[:0]
    rng = np.random.default_rng([seed, 20])
    wanted = share * len(rows)
    if groups is None:
        return np.sort(rng.permutation(rows)[: max(1, round(wanted))])
    of_rows = groups.numpy()[rows]
    chosen: list[int] = []
    count = 0
    for group in rng.permutation(np.unique(of_rows)):
        size = int((of_rows == group).sum())
        if count and abs(count + size - wanted) > abs(count - wanted):
            continue  # a smaller one may still fit
        chosen.append(int(group))
        count += size
        if count >= wanted:
            break
    if len(chosen) == len(np.unique(of_rows)):
        raise UserError(f"holdout: got {share}, which leaves no group to train on; take a smaller share")
    return rows[np.isin(of_rows, chosen)]


def _part(source: Source, form: Form, rows: Any, labels: Labels | None, groups: Tensor | None) -> Any:
    ids = torch.from_numpy(np.ascontiguousarray(rows, np.int64))
    target = None if labels is None else labels.values[ids]
    return hold(Rows(source, form, ids, target, None if groups is None else groups[ids]))


def _range(rows: Any) -> Sequence[int]:
    """A run of rows as a range, which a mapped file is read by in one go; others as the array that they are."""
    whole = len(rows) > 0 and int(rows[-1]) - int(rows[0]) + 1 == len(rows)
    return range(int(rows[0]), int(rows[-1]) + 1) if whole else cast(Sequence[int], rows)
