"""A data set that lies in files in; the same one out, decoded once into memory-mapped arrays or held in memory.

What was decoded is kept under a name that digests everything it depends on: the spec, the ids, every field of the
reader, the sizes and times of its files, and the version of randquant. So neither a changed setting nor a file that
took another's place finds what was left before.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from randquant import __version__
from randquant.data.batch import Batch, Dataset, Samples
from randquant.data.files import Files, state
from randquant.data.items import Items, as_values
from randquant.data.reading import Compact, end_with_reader, worker_processes
from randquant.errors import UserError
from randquant.terminal import tell

HELD = 1 << 30  # bytes of values up to which a part is held in memory
_ROWS = 64  # samples decoded at a time
_MANY = 2000  # samples from which worker processes decode


def cached(dataset: Dataset, folder: Path, *, faithful: bool) -> Dataset:
    """The same data set, every sample of which is decoded at most once.

    Args:
        dataset: its parts that are `Items` are decoded, or found decoded; others stay as they are.
        folder: for what is decoded.
        faithful: whether the benchmark's errors were kept in, which tells two data sets of one name apart.

    Raises:
        UserError: a file is broken, or the folder has no room.
    """
    parts: dict[str, Samples] = {}
    for part, samples in dataset.parts.items():
        if isinstance(samples, Items):
            depends = {"version": __version__, "spec": dataset.spec.to_dict(), "part": part, "faithful": faithful}
            key = hashlib.sha256(b"".join(_digested([depends, samples.ids, samples.read]))).hexdigest()[:16]
            parts[part] = _decoded(samples, folder / f"{dataset.name}-{part}-{key}", f"{dataset.name} {part}")
        else:
            parts[part] = samples
    return dataclasses.replace(dataset, parts=parts)


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Samples in memory-mapped arrays; every process maps them for itself."""

    folder: Path
    ids: Tensor
    target: Tensor | None
    groups: Tensor | None

    def take(self, rows: Tensor) -> Batch:
        """The samples in these rows, int64 [K]."""
        places = rows.numpy()
        inputs = tuple(as_values(torch.from_numpy(one[places])) for one in _mapped(self.folder))
        target = None if self.target is None else self.target[rows]
        return Batch(self.ids[rows], inputs, target, None if self.groups is None else self.groups[rows])


@functools.lru_cache(maxsize=128)
def _mapped(folder: Path) -> tuple[NDArray[Any], ...]:
    count = len(list(folder.glob("input*.npy")))
    return tuple(np.load(folder / f"input{number}.npy", mmap_mode="r") for number in range(count))


def _decoded(samples: Items, folder: Path, title: str) -> Samples:
    """The samples from their folder, which is filled first if it is not there."""
    if not folder.exists():
        _decode(samples, folder, title)
    kept = Decoded(folder, samples.ids, samples.target, samples.groups)
    values = sum(one.size * (4 if one.dtype == np.uint8 else 8) for one in _mapped(folder))
    return kept.take(torch.arange(len(samples.ids))) if values <= HELD else kept


def _decode(samples: Items, folder: Path, title: str) -> None:
    """Decode into a folder beside the wanted one, then rename it: half a cache never looks like a whole one."""
    first = samples.read(0)
    size = len(samples.ids) * sum(one.numel() * one.element_size() for one in first)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if size > shutil.disk_usage(folder.parent).free:
        raise UserError(
            f"data: decoding {title} takes {size / 1e9:.1f} GB, which {folder.parent} has not; make room there, "
            "or let RANDQUANT_DATA name a folder on a larger disk"
        )
    if len(samples.ids) >= _MANY:
        tell(f"decoding {title}, once: {len(samples.ids):,} samples, {size / 1e9:.2f} GB in {folder}")
    beside = folder.with_name(f"{folder.name}.part-{platform.node()}-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        arrays = [
            np.lib.format.open_memmap(
                beside / f"input{number}.npy", "w+", one.numpy().dtype, (len(samples.ids), *one.shape)
            )
            for number, one in enumerate(first)
        ]
        for start, rows in enumerate(_compact(samples)):
            for array, values in zip(arrays, rows, strict=True):
                array[start * _ROWS : start * _ROWS + len(values)] = values.numpy()
        for array in arrays:
            array.flush()
        (beside / "samples.json").write_text(json.dumps({"samples": title, "count": len(samples.ids)}) + "\n")
        if not folder.exists():  # another process may have been faster
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _compact(samples: Items) -> Iterator[tuple[Tensor, ...]]:
    """All samples in order, some rows at a time, as they are kept."""
    workers = (os.cpu_count() or 1) if len(samples.ids) >= _MANY else 0
    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        Compact(samples),
        sampler=torch.split(torch.arange(len(samples.ids)), _ROWS),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=worker_processes() if workers else None,
        worker_init_fn=end_with_reader,
        generator=torch.Generator(),
    )
    yield from loader


def _digested(value: object) -> Iterator[bytes]:
    """Bytes that differ where values differ, of plain values, arrays, and dataclasses of such."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        yield f"array {value.dtype} {value.shape};".encode()
        yield hashlib.sha256(np.ascontiguousarray(value).data).digest()
    elif dataclasses.is_dataclass(value):
        yield f"{type(value).__module__}.{type(value).__qualname__};".encode()
        for field in dataclasses.fields(value):
            yield f"{field.name}=".encode()
            yield from _digested(getattr(value, field.name))
        if isinstance(value, Files):
            yield from _digested(value.states())
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield f"{key}:".encode()
            yield from _digested(value[key])
    elif isinstance(value, list | tuple):
        yield f"{len(value)} in order;".encode()
        for one in value:
            yield from _digested(one)
    elif isinstance(value, Path):
        yield f"path {value} {state(value)};".encode()
    elif value is None or isinstance(value, str | int | float | bool):
        yield f"{type(value).__name__} {value};".encode()
    else:
        raise TypeError(f"a reader's field of type {type(value).__name__} cannot name what was decoded with it")
