"""A data set in, one compressed file out, and back: what a machine needs that is given neither originals nor readers.

`packed/NAME.npz` in the data root is read before anything else is looked for. A set that is made up here needs none.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from randquant import __version__
from randquant.data.batch import Batch, Dataset
from randquant.data.entry import Entry
from randquant.data.items import as_values
from randquant.errors import UserError
from randquant.spec import Spec


def path_of(name: str, root: Path) -> Path:
    """Where a data set lies packed."""
    return root / "packed" / f"{name}.npz"


def reader_of(entry: Entry) -> str:
    """16 digits that name the version of randquant and the file that reads a data set."""
    assert entry.read is not None
    file = inspect.getsourcefile(entry.read)
    assert file is not None
    return hashlib.sha256(__version__.encode() + Path(file).read_bytes()).hexdigest()[:16]


def pack(dataset: Dataset, root: Path, reader: str) -> Path:
    """Write a data set that is held in memory.

    Pixels that are whole multiples of 1/255 are kept as bytes, and symbols in 32 bits, as in the cache.

    Args:
        dataset: what is written.
        root: of the data that a machine is given.
        reader: what has read it, see `reader_of`.

    Raises:
        UserError: a part is too large to be held in memory, or the folder cannot be written.
    """
    fields = ("name", "classes", "domain", "metric", "batch", "synthetic")
    told = {"reader": reader, "spec": dataset.spec.to_dict(), **{name: getattr(dataset, name) for name in fields}}
    arrays: dict[str, NDArray[Any]] = {}
    for part in dataset.parts:
        held = dataset.held(part)
        arrays[f"{part}/ids"] = held.ids.numpy()
        for name, values in (("target", held.target), ("groups", held.groups)):
            if values is not None:
                arrays[f"{part}/{name}"] = values.numpy()
        for number, values in enumerate(held.inputs):
            arrays[f"{part}/input{number}"] = _compact(values)
    path = path_of(dataset.name, root)
    beside = path.with_name(f"{path.stem}.part{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(beside, allow_pickle=False, told=np.array(json.dumps(told)), **arrays)
        beside.replace(path)
    except OSError as error:
        raise UserError(f"out: cannot write {path} ({error.strerror}); name a folder you may write to") from error
    return path


def unpack(path: Path, reader: str) -> Dataset:
    """The data set, in memory.

    Raises:
        UserError: the file is broken, or another reader has made it, whose samples may be others.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            told = json.loads(str(file["told"]))
            arrays = {name: torch.from_numpy(file[name]) for name in file.files if name != "told"}
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"data: {path} is broken ({error}); remove it, and pack it again") from error
    if told.pop("reader", "") != reader:
        raise UserError(f"data: {path} was packed by another version of randquant; remove it, and pack it again")
    told |= {"spec": Spec.from_dict(told["spec"]), "classes": tuple(told["classes"])}
    parts = {part: _batch(part, arrays) for part in dict.fromkeys(name.partition("/")[0] for name in arrays)}
    return replace(Dataset(told["name"], told["spec"], parts), **told)


def _batch(part: str, arrays: dict[str, Tensor]) -> Batch:
    inputs = [arrays[name] for name in sorted(arrays) if name.startswith(f"{part}/input")]
    target, groups = (arrays.get(f"{part}/{name}") for name in ("target", "groups"))
    return Batch(arrays[f"{part}/ids"], tuple(as_values(one) for one in inputs), target, groups)


def _compact(values: Tensor) -> NDArray[Any]:
    if values.dtype == torch.int64:
        return values.int().numpy()
    if bool(((values >= 0) & (values <= 1)).all()):
        pixels = (values * 255).round().to(torch.uint8)
        if torch.equal(as_values(pixels), values):
            return pixels.numpy()
    return values.numpy()
