"""Samples in, a few plain values out by which they are known again: how many, of what shapes, their ids and values."""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import Tensor

from randquant.data.batch import Batch, Samples
from randquant.data.reading import taken

PROBED = 8  # samples that are read from files, spread evenly
_ROWS = 4096  # whose bytes are summed at a time


def probed(samples: Samples) -> Batch:
    """The samples that stand for all: a batch in memory itself, or a few that are read."""
    if isinstance(samples, Batch):
        return samples
    count = len(samples.ids)
    return taken(samples, torch.linspace(0, count - 1, min(PROBED, count)).long())


def fingerprint(samples: Samples) -> dict[str, Any]:
    """What tells samples from others of the same name.

    Returns:
        `samples`, their number; `inputs`, type and shape of each input; `ids` and `values`, checksums. That of the
        values is over all samples in memory, and over those that `probed` reads from files: changes of others are not
        seen.
    """
    batch = probed(samples)
    return {
        "samples": len(samples.ids),
        "inputs": [f"{str(one.dtype).removeprefix('torch.')} {tuple(one.shape[1:])}" for one in batch.inputs],
        "ids": _sum(samples.ids),
        "values": "-".join(map(_sum, batch.inputs)),
    }


def _sum(values: Tensor) -> str:
    """The CRC-32 of a tensor's bytes, in hexadecimal digits."""
    found = 0
    for rows in torch.split(values, _ROWS):
        found = zlib.crc32(rows.cpu().contiguous().flatten().view(torch.uint8).numpy().data, found)
    return f"{found:08x}"
