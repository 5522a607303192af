"""A folder of pictures, recordings or texts in, its files as samples out, with what a table in it says of them.

A table (.csv, .tsv or .parquet) in the folder itself makes every line a sample: one column names the file, one may
hold captions, and the others can be labels or groups. Without one the folder that a file stands in can be its label.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.columns import is_text
from randquant.data.own.form import InputForm
from randquant.data.own.grids import fit_grid, spaced
from randquant.data.own.source import column_of
from randquant.data.own.stored import Columns
from randquant.data.own.tables import read_columns, texts_of
from randquant.data.own.words import WORDY, fit_words
from randquant.errors import UserError
from randquant.settings import ReadingSettings

FOLDER = "folder"  # the column that holds the name of the folder a file stands in
_TABLES = (".csv", ".tsv", ".parquet")
_CAPTIONS = ("caption", "captions", "text", "transcript", "description")  # a column of such a name holds them


class Media(NamedTuple):
    """The files of a folder.

    Attributes:
        folder: that they stand in.
        names: the path of each sample's file from there on.
        columns: what is known of each sample.
        text: the column of captions, or "".
        label: the column that holds labels, or "".
    """

    folder: Path
    names: list[str]
    columns: Columns
    text: str
    label: str

    def notes(self, files: str) -> list[str]:
        """What was found to be labels and captions, a line each; `files` is the word for them."""
        notes = []
        if self.label:
            notes.append(f"labels: the {len(set(self.columns[self.label][:]))} folders that {files} stand in")
        if self.text:
            named = self.text.lower() in _CAPTIONS
            why = "by its name" if named else "since its cells hold several words each"
            notes.append(f"captions: column {self.text!r}, {why}")
        return notes


class MediaSource:
    """Samples are files of one kind, some with captions.

    Args:
        media: the files.
        how: `text`; `channels`, `size` and whether they are `ragged`; and what else `decode` depends on.
        decode: a file to a raw grid [C, *size].
    """

    decodes = True

    def __init__(self, media: Media, how: Mapping[str, Any], decode: Callable[[Path], NDArray[Any]]) -> None:
        self.media, self.how, self.decode = media, dict(how), decode
        self.names: Sequence[str] | None = media.names
        self.label, self.notes = media.label, list[str]()

    def __len__(self) -> int:
        return len(self.media.names)

    def column(self, name: str) -> NDArray[Any]:
        """A column of the table, or the folders."""
        return column_of(self.media.columns, name, self.media.folder)[:]

    def _grids(self, rows: Sequence[int]) -> list[NDArray[Any]]:
        return [self.decode(self.media.folder / self.media.names[row]) for row in rows]

    def _texts(self, rows: Sequence[int]) -> list[str]:
        return texts_of(column_of(self.media.columns, self.how["text"], self.media.folder)[np.asarray(rows)])

    def raw(self, rows: Sequence[int]) -> tuple[Any, ...]:
        """Raw grids, and captions."""
        if not self.how["text"]:
            return (self._grids(rows),)
        return self._grids(rows), self._texts(rows)

    def fit(self, rows: Sequence[int], reading: ReadingSettings) -> tuple[InputForm, ...]:
        """A grid, and texts where there are captions."""
        forms: list[InputForm] = [
            fit_grid(
                self._grids,
                rows,
                self.how["channels"],
                tuple(self.how["size"]),
                patch=reading.patch,
                ragged=self.how["ragged"],
                notes=self.notes,
                padded=self.how["ragged"],
            )
        ]
        if self.how["text"]:
            forms.append(fit_words(self._texts(spaced(rows, WORDY)), 0, self.notes))
        return tuple(forms)


def find_media(
    folder: Path, suffixes: Sequence[str], reading: ReadingSettings, skipped: Collection[Path] = ()
) -> Media:
    """The files of these kinds, in the order of their names or of the table in the folder; some are passed over.

    Raises:
        UserError: a table names a file that is not there, or none of its columns names the files.
    """
    files = sorted(
        one.relative_to(folder).as_posix()
        for one in folder.rglob("*")
        if one.suffix.lower() in suffixes and not any(part.startswith(".") for part in one.relative_to(folder).parts)
    )
    tables = sorted(one for one in folder.iterdir() if one.suffix.lower() in _TABLES)
    if len(tables) > 1:
        raise UserError(
            f"data: {folder} holds {len(tables)} tables; one may say what its files are, so move the others"
        )
    if not tables:
        parents = np.array([Path(one).parent.name for one in files], dtype=object)
        label = FOLDER if len(set(parents)) > 1 and "" not in parents else ""
        return _without(skipped, Media(folder, files, {FOLDER: parents} if label else {}, "", label))
    columns = read_columns(tables[0], [])
    known = {key: one for one in files for key in (Path(one).stem, Path(one).name, one)}
    best, hits = "", 0
    for name, values in columns.items():
        found = sum(one in known for one in values[:].tolist()) if values.dtype.kind == "O" else 0
        if found > hits:
            best, hits = name, found
    if not hits:
        raise UserError(f"data: no column of {tables[0]} names the files of {folder}, such as {files[0]}")
    missing = [one for one in columns[best][:].tolist() if one not in known]
    if missing:
        raise UserError(
            f"data: {tables[0]} names {missing[0]!r} in its column {best!r}, but {folder} holds no such file"
        )
    told = {best, reading.label, reading.group}
    words = {name: values for name, values in columns.items() if name not in told and values.dtype.kind == "O"}
    named = (name for name in words if name.lower() in _CAPTIONS)
    text = next(named, "") or next((name for name, values in words.items() if is_text(values)), "")
    return _without(skipped, Media(folder, [known[one] for one in columns[best][:].tolist()], columns, text, ""))


def _without(skipped: Collection[Path], media: Media) -> Media:
    """The samples whose files are not passed over."""
    if not skipped:
        return media
    kept = np.flatnonzero([media.folder / name not in skipped for name in media.names])
    columns = {name: values[kept] for name, values in media.columns.items()}
    return media._replace(names=[media.names[row] for row in kept], columns=columns)
