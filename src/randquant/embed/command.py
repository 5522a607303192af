"""A run and a data set in, a file of embeddings out, a block of samples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from randquant.data import Dataset
from randquant.device import find_device
from randquant.embed.encode import Block, blocks
from randquant.encoder import Encoder
from randquant.errors import UserError
from randquant.libraries import library
from randquant.output import new_file
from randquant.run import Run, open_for
from randquant.settings import EmbedSettings
from randquant.spec import Spec
from randquant.terminal import remark


def embed(settings: EmbedSettings) -> Path:
    """Write the embeddings of a data set to a file, which is whole or not there.

    Returns:
        the file.

    Raises:
        UserError: the run or the data are not there, they do not fit, or the file is there already.
    """
    out = new_file(settings.out, overwrite=settings.overwrite)
    run = Run.open(settings.run)
    encoder = run.encoder().to(find_device(settings.device))
    dataset = open_for(run, settings.data, settings.reading, labelled=False)
    check_inputs(dataset, encoder.spec)
    beside = out.with_name(f"{out.name}.part")
    empty: list[int] = []
    try:
        (_write_array if out.suffix == ".npy" else _write_parquet)(beside, encoder, dataset, settings, empty)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    count = sum(len(part.ids) for part in dataset.parts.values())
    if not settings.quiet:
        per = "sample" if settings.level == "sample" else "token"
        remark(f"{out}: {count:,} samples, {encoder.width} numbers a {per}")
        if empty:
            verb = "holds" if len(empty) == 1 else "hold"
            remark(
                f"missing: {len(empty):,} of {count:,} samples {verb} no value at all, such as "
                f"{dataset.called(empty[0])}; what the encoder says of them is what it says of nothing"
            )
    return out


def check_inputs(dataset: Dataset, spec: Spec) -> None:
    """Refuse samples that an encoder does not take.

    Raises:
        UserError: the inputs differ.
    """
    if dataset.spec.inputs != spec.inputs:
        raise UserError(f"data: {dataset.name} has inputs {dataset.spec.inputs}, but the encoder takes {spec.inputs}")


def _all(encoder: Encoder, dataset: Dataset, settings: EmbedSettings, empty: list[int]) -> Iterator[tuple[str, Block]]:
    """The blocks of all parts, one part after another, with the part's name; `empty` gets ids of empty samples."""
    for part, samples in dataset.parts.items():
        for block in blocks(encoder, samples, batch=settings.batch, tokens=settings.level == "token"):
            empty += block.ids[block.empty].tolist()
            yield part, block


def _write_array(path: Path, encoder: Encoder, dataset: Dataset, settings: EmbedSettings, empty: list[int]) -> None:
    count = sum(len(part.ids) for part in dataset.parts.values())
    tokens = (encoder.spec.tokens,) if settings.level == "token" else ()
    array = np.lib.format.open_memmap(path, "w+", np.dtype(np.float32), (count, *tokens, encoder.width))
    start = 0
    for _, block in _all(encoder, dataset, settings, empty):
        values = block.values
        if block.masked is not None:
            values = values.masked_fill(block.masked.unsqueeze(-1), torch.nan)
        array[start : start + len(values)] = values.numpy()
        start += len(values)
    array.flush()


def _write_parquet(path: Path, encoder: Encoder, dataset: Dataset, settings: EmbedSettings, empty: list[int]) -> None:
    arrow: Any = library("pyarrow", "tables", "out")
    parquet: Any = library("pyarrow.parquet", "tables", "out")
    names = None if dataset.own is None else dataset.own.names
    tokens = settings.level == "token"
    fields = [("id", arrow.int64() if names is None else arrow.string())]
    fields += [("part", arrow.string())] if len(dataset.parts) > 1 else []
    fields += [("token", arrow.int32())] if tokens else []
    schema = arrow.schema([*fields, ("embedding", arrow.list_(arrow.float32(), encoder.width))])
    with parquet.ParquetWriter(path, schema) as writer:
        for part, block in _all(encoder, dataset, settings, empty):
            values, rows, numbers = block.values, torch.arange(len(block.ids)), None
            if tokens:
                shown = torch.ones(values.shape[:2], dtype=torch.bool) if block.masked is None else ~block.masked
                rows, numbers = shown.nonzero(as_tuple=True)
                values = values[shown]
            ids = block.ids[rows].tolist()
            columns: dict[str, Any] = {
                "id": ids if names is None else [names[one] for one in ids],
                "part": [part] * len(ids),
            }
            if numbers is not None:
                columns["token"] = numbers.numpy()
            columns["embedding"] = arrow.FixedSizeListArray.from_arrays(values.flatten().numpy(), encoder.width)
            writer.write_table(arrow.table({name: columns[name] for name in schema.names}, schema=schema))
