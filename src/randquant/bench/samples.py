"""The tasks of a suite in, a samples.json out: one sample of each domain, and the two views that RQ makes of it.

Nothing is imitated: the views are made by what the method `rq` trains with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from randquant.bench.grid import Task
from randquant.data import Dataset
from randquant.encoder import make_encoder
from randquant.methods.method import transformer
from randquant.methods.quantized import QuantizedEmbeddings, QuantizedInputs
from randquant.quantize.draw import Draws
from randquant.report.files import write_whole
from randquant.report.runs import one_object
from randquant.settings import EncoderSettings, MethodSettings
from randquant.spec import Input, Spec

_SIDE = 112  # of a picture at most: of a larger one, every second place or so is kept
_DIMENSIONS = 24  # of embeddings that are shown


def write_samples(tasks: Sequence[Task], path: Path) -> None:
    """Write a sample of the first task of each domain; those that stand in the file are kept."""
    kept = {str(one["domain"]): one for one in one_object(path).get("samples", []) if isinstance(one, Mapping)}
    firsts = {task.domain: task for task in reversed(tasks)}
    wanted = [task for domain, task in firsts.items() if kept.get(domain, {}).get("task") != task.name]
    if wanted:
        found = kept | {task.domain: _sample(task.open()) for task in wanted}
        order = dict.fromkeys(task.domain for task in tasks)
        write_whole(path, json.dumps({"samples": [found[domain] for domain in (*order, *kept) if domain in found]}))


def _sample(dataset: Dataset) -> dict[str, Any]:
    """The sample in the middle of the training part, every input of it before and after."""
    samples = dataset.parts["train"]
    batch = samples.take(torch.tensor([len(samples.ids) // 2]))
    draws = Draws(seed=0, epoch=0, ids=batch.ids)
    details = MethodSettings()
    views: list[tuple[Tensor, ...]] = []
    if any(one.channels for one in dataset.spec.inputs):
        quantize = QuantizedInputs(dataset.spec, details)
        views = [quantize(batch.inputs, draws, view) for view in range(2)]
    shown = []
    for place, (one, values) in enumerate(zip(dataset.spec.inputs, batch.inputs, strict=True)):
        if one.channels:
            shown.append(_shown("values", [values, *(view[place] for view in views)]))
        else:
            shown.append(_shown("embeddings", _embedded(one, values, draws, details)))
    return {
        "domain": dataset.domain,
        "task": dataset.name,
        "bins": details.bins,
        "synthetic": dataset.synthetic,
        "inputs": shown,
    }


def _embedded(one: Input, values: Tensor, draws: Draws, details: MethodSettings) -> list[Tensor]:
    """The embeddings [1, D, N] of one input of symbols in a random encoder, as they are and in two views."""
    spec = Spec((one,))
    encoder = transformer(make_encoder(spec, EncoderSettings(), seed=0), "a page", "shows")
    with torch.no_grad():
        tokens, padding = encoder.embed((values,)), encoder.padding((values,))
        quantize = QuantizedEmbeddings(spec, details)
        views = [tokens, *(quantize(tokens, padding, draws, view) for view in range(2))]
    real = slice(None) if padding is None else ~padding[0]
    return [view[:, real, :_DIMENSIONS].transpose(1, 2) for view in views]


def _shown(kind: str, views: Iterable[Tensor]) -> dict[str, Any]:
    """Values [1, channels, *size] of one sample, as they are first, as nested lists; thinned where they are many."""
    thinned = []
    for values in views:
        one = values[0]
        for dimension, size in enumerate(one.shape[1:], start=1):
            if one.ndim > 2:  # a picture or more; a signal keeps its places
                one = one[(slice(None),) * dimension + (slice(None, None, -(-size // _SIDE)),)]
        thinned.append(one)
    before, *after = [[float(f"{value:.4g}") for value in one.flatten().tolist()] for one in thinned]
    return {"kind": kind, "shape": list(thinned[0].shape), "before": before, "after": after}
