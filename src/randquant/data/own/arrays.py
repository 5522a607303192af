"""An .npy or .npz file in, its rows as raw grids or as the columns of a table out; an .npy is mapped, never loaded."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from randquant.data.own.columns import fit_table
from randquant.data.own.form import InputForm
from randquant.data.own.grids import fit_grid, spaced
from randquant.data.own.source import column_of
from randquant.data.present import reading as reading_file
from randquant.errors import UserError
from randquant.settings import ReadingSettings

_INPUTS = ("x", "X", "data", "inputs", "images", "values", "arr_0")  # of an .npz, the first that is there
_LOOKED = 1 << 24  # values of a table that are looked at for scale and ranges, of larger ones evenly spaced rows
_COLUMNS = 256  # numbers a sample up to which each is a column of its own


class ArraySource:
    """Samples along the first axis of an array.

    Args:
        path: an .npy or .npz file; None for an array in memory.
        how: `axis`, that of the channels, 0 for none, and -1 for a table of so many `columns`; `key`, the name in an
            .npz.
        held: the array, where it is in memory already.
    """

    names: Sequence[str] | None = None
    label = ""
    decodes = False

    def __init__(self, path: Path | None, how: Mapping[str, Any], held: NDArray[Any] | None = None) -> None:
        self.path, self.how, self.held, self.notes = path, dict(how), held, list[str]()

    def __len__(self) -> int:
        return len(self.array())

    def array(self) -> NDArray[Any]:
        """All of it, mapped where it is a file."""
        if self.held is not None:
            return self.held
        assert self.path is not None
        return _opened(self.path, self.how["key"])

    def column(self, name: str) -> NDArray[Any]:
        """Another array of the .npz, or another .npy: one value a sample."""
        assert self.path is not None
        if self.path.suffix == ".npz":
            column_of(dict.fromkeys(_keys(self.path), np.empty(0)), name, self.path)
            found = _opened(self.path, name)
        else:
            beside = next((one for one in (Path(name), self.path.parent / name) if one.suffix and one.is_file()), None)
            if beside is None:
                raise UserError(
                    f"data: {self.path} has no column {name!r}: name an .npy file that holds one value for each sample"
                )
            found = _opened(beside, "")
        if found.shape != (len(self),):
            raise UserError(f"data: {name} has shape {found.shape}, must be ({len(self)},): one value for each sample")
        return np.asarray(found)

    def raw(self, rows: Sequence[int]) -> tuple[Any, ...]:
        """Grids [B, C, *size], or columns by their numbers."""
        values = np.asarray(self.array()[_at(rows)])
        axis = self.how["axis"]
        if axis == -1:
            return ({str(number): values[:, number] for number in range(values.shape[1])},)
        return (values[:, None] if axis == 0 else np.moveaxis(values, axis, 1),)

    def fit(self, rows: Sequence[int], reading: ReadingSettings) -> tuple[InputForm, ...]:
        """One table or one grid."""
        if self.how["axis"] == -1:
            seen = spaced(rows, max(64, _LOOKED // self.array().shape[1]))
            (columns,) = self.raw(seen)
            whole = {name: self.array()[:, int(name)] for name in columns}
            return (fit_table(columns, range(len(seen)), list(columns), self.notes, whole),)
        (few,) = self.raw(rows[:1])
        _, channels, *size = few.shape
        if reading.length:
            size = [min(side, reading.length) for side in size]
        one = fit_grid(
            lambda some: self.raw(some)[0][(slice(None), slice(None), *(slice(side) for side in size))],
            rows,
            channels,
            tuple(size),
            patch=reading.patch,
            ragged=False,
            notes=self.notes,
        )
        return (one,)


def open_array(path: Path, reading: ReadingSettings, how: Mapping[str, Any] | None) -> ArraySource:
    """The array of an .npy file, or the one of an .npz that holds the inputs.

    Raises:
        UserError: it holds Python objects, words or one number a sample, or cannot be read.
    """
    key = "" if path.suffix == ".npy" else _input_key(path)
    array = _opened(path, key)
    if how is not None:
        check_numbers(array, path)
        axis = how["axis"]
        _check_axes(array, how, path)
        if reading.channel_axis is not None:
            if axis == -1:
                raise UserError(f"channel_axis: got {reading.channel_axis}, but the encoder was trained on a table")
            axis, _ = _channel_axis(array, reading.channel_axis)
        return ArraySource(path, {**how, "key": key, "axis": axis})
    source = _inferred(ArraySource(path, {"key": key}), array, reading)
    named = (key, reading.label, reading.group)
    beside = [one for one in _keys(path) if one not in named] if path.suffix == ".npz" else []
    if beside:
        source.notes.append(f"archive: the inputs are {key}; passed over: {', '.join(beside)} (--label takes one)")
    return source


def hold_array(array: NDArray[Any], reading: ReadingSettings, how: Mapping[str, Any] | None) -> ArraySource:
    """An array in memory, as `open_array` has one in a file."""
    if how is not None:
        return ArraySource(None, how, array)
    return _inferred(ArraySource(None, {"key": ""}, array), array, reading)


def _inferred(source: ArraySource, array: NDArray[Any], reading: ReadingSettings) -> ArraySource:
    check_numbers(array, source.path or "the array")
    axis, why = _channel_axis(array, reading.channel_axis)
    source.how |= {"axis": axis} | ({"columns": array.shape[1]} if axis == -1 else {})
    source.notes.append(f"array: shape {array.shape} of {array.dtype}, {why}")
    return source


def _check_axes(array: NDArray[Any], how: Mapping[str, Any], path: Path) -> None:
    """Refuse an array whose axes cannot be those of the one that an encoder was trained on."""
    if how["axis"] == -1 and array.shape[1:] != (how["columns"],):
        raise UserError(f"data: {path} has shape {array.shape}, but the encoder takes (samples, {how['columns']})")
    if array.ndim < 2 or array.ndim <= how["axis"]:
        raise UserError(f"data: {path} has shape {array.shape}, which lacks axes that the encoder was trained with")


def _channel_axis(array: NDArray[Any], wanted: int | None) -> tuple[int, str]:
    """The axis of the channels, 0 where there is none, -1 for a table; and why."""
    shape = array.shape
    last = len(shape) - 1
    if not 1 <= last <= 4 or 0 in shape[1:]:
        raise UserError(f"data: an array of shape {shape} holds no samples; must be samples first, then 1 to 4 axes")
    if wanted is not None:
        if wanted > last or last - (wanted > 0) > 3 or (wanted > 0 and last == 1):
            raise UserError(f"channel_axis: got {wanted} for an array of shape {shape}; samples are axis 0")
        return wanted, f"as --channel-axis says: {f'{shape[wanted]} channels' if wanted else 'no axis of channels'}"
    if last == 1:
        if shape[1] <= _COLUMNS:
            return -1, f"a table of {shape[1]} columns (samples x columns; --channel-axis 0 makes it a signal)"
        return 0, f"a signal of {shape[1]} steps in one channel, since so many columns would be a token each"
    first, end = shape[1], shape[last]
    if last == 2:
        plain = first == end or (array.dtype == np.uint8 and min(first, end) > 16)
        axis = 0 if plain else 1 if first < end else 2
    elif first != end and (shape[1] == shape[2]) != (shape[last - 1] == end):
        axis = last if shape[1] == shape[2] else 1  # two sides are alike, so the odd one out is the channels
    else:
        axis = 1 if first <= end else last
        if last == 3 and (min(first, end) > 32 or shape[1] == shape[2] == shape[3]):
            axis = 0
    if axis == 0:
        return 0, "no axis of channels, since all axes are about as long (--channel-axis says otherwise)"
    where = "first" if axis == 1 else "last"
    return axis, f"channels {where}: {shape[axis]} channels, the odd or shortest axis (--channel-axis says otherwise)"


@functools.lru_cache(maxsize=16)
def _mapped(path: Path, key: str, changed: int) -> NDArray[Any]:
    with reading_file(path, "check the file"):
        if path.suffix == ".npy":
            array: NDArray[Any] = np.load(path, mmap_mode="r")
        else:
            with np.load(path) as archive:
                array = archive[key]
    return array


def _opened(path: Path, key: str) -> NDArray[Any]:
    """The array, of numbers or words; Python objects are never unpickled."""
    with reading_file(path, "check the file"):
        changed = path.stat().st_mtime_ns
    try:
        array = _mapped(path, key, changed)
    except UserError as problem:
        if "allow_pickle" in str(problem) or "Python objects" in str(problem):
            raise UserError(
                f"data: {path} holds Python objects, which are never unpickled; save an array of numbers, or a file "
                "for each series"
            ) from None
        raise
    return array


def _keys(path: Path) -> list[str]:
    with reading_file(path, "check the file"), np.load(path) as archive:
        return list(archive.files)


def _input_key(path: Path) -> str:
    keys = _keys(path)
    if len(keys) == 1:
        return keys[0]
    found = next((key for key in _INPUTS if key in keys), None)
    if found is None:
        raise UserError(f"data: {path} holds the arrays {', '.join(keys) or 'none'}; name the inputs x")
    return found


def _at(rows: Sequence[int]) -> Any:
    """Rows as an index; a run of them as a slice, which reads a mapped file in one go."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and isinstance(rows, range):
        return slice(rows[0], rows[-1] + 1)
    return np.asarray(rows)


def check_numbers(array: NDArray[Any], where: object) -> None:
    """Refuse what no encoder takes.

    Raises:
        UserError: its type is none of real or whole numbers.
    """
    if array.dtype.kind not in "fiub":
        raise UserError(f"data: {where} holds values of type {array.dtype}, must be real or whole numbers")
