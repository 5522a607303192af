"""`randquant preview` and a data set in, a page out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from randquant.data import Batch, Dataset, Samples, is_path, open_data
from randquant.encoder import DomainAgnosticTransformer, make_encoder
from randquant.errors import UserError
from randquant.output import new_file
from randquant.preview.sections import section
from randquant.quantize.draw import Draws
from randquant.report.files import write_whole
from randquant.report.template import fill
from randquant.run import Run, open_for
from randquant.settings import EncoderSettings, PreviewSettings
from randquant.terminal import remark

_MEASURED = 256  # samples that the information is measured on


def preview(settings: PreviewSettings) -> Path:
    """Write the page, and say where it is.

    Raises:
        UserError: the data, the part or the run is not there, a sample cannot be read, or the page cannot be written.
    """
    out = new_file(settings.out, overwrite=settings.overwrite)
    write_whole(out, html(opened(settings), settings))
    remark(f"preview: {out}")
    return out


def opened(settings: PreviewSettings) -> Dataset:
    """The data set: for a run's encoder a path is read as the run's own was.

    Raises:
        UserError: it is not there, or cannot be read that way.
    """
    if settings.run is not None and is_path(settings.data):
        return open_for(Run.open(settings.run), settings.data, settings.reading)
    return open_data(settings.data, **settings.reading.choices())


def html(dataset: Dataset, settings: PreviewSettings) -> str:
    """The page of a data set: one file that needs nothing else.

    Raises:
        UserError: the part or the run is not there, or a sample cannot be read.
    """
    if settings.part not in dataset.parts:
        raise UserError(f"part: {dataset.name} has no {settings.part} part, but {', '.join(dataset.parts)}")
    samples = dataset.parts[settings.part]
    encoder = _encoder(dataset, settings)
    chosen = dataset.measured(samples.take(_rows(dataset, samples, settings.samples)))
    spaced = torch.linspace(0, len(samples.ids) - 1, min(_MEASURED, len(samples.ids))).long()
    measured = dataset.measured(samples.take(spaced))
    draws = Draws(settings.seed, 0, chosen.ids)
    sections = []
    for place, one in enumerate(dataset.spec.inputs):
        titles = _titles(dataset, chosen)
        sections.append(section(place, one, dataset, chosen, measured, titles, draws, encoder, settings))
    shown: dict[str, Any] = {
        "data": dataset.title,
        "typed": settings.data,
        "bins": settings.bins,
        "sections": sections,
        "measured": len(measured.ids),
        "run": settings.run,
        "played": settings.rate > 0 or settings.seconds > 0,
    }
    return fill("preview.html", **shown)


def _encoder(dataset: Dataset, settings: PreviewSettings) -> DomainAgnosticTransformer:
    """The encoder whose embeddings symbols have: that of the run, or one with random weights."""
    if settings.run is None:
        encoder = make_encoder(dataset.spec, EncoderSettings(), settings.seed)
    else:
        encoder = Run.open(settings.run).encoder()
    if not isinstance(encoder, DomainAgnosticTransformer):
        raise UserError(f"run: {settings.run} holds a vision backbone, which embeds no symbols; leave --run out")
    if encoder.spec.inputs != dataset.spec.inputs:
        raise UserError(
            f"run: its encoder takes {encoder.spec.inputs}, but {dataset.name} has inputs {dataset.spec.inputs}"
        )
    return encoder


def _rows(dataset: Dataset, samples: Samples, count: int) -> Tensor:
    """Rows of some samples: of different classes where there are some, or else spread evenly."""
    target = samples.target
    count = min(count, len(samples.ids))
    if target is None or dataset.spec.target is None or dataset.spec.target.kind != "class":
        return torch.linspace(0, len(samples.ids) - 1, count).round().long()
    first = [(target == label).nonzero()[:, 0] for label in range(dataset.spec.target.size)]
    order = [int(rows[i]) for i in range(max(map(len, first))) for rows in first if i < len(rows)][:count]
    return torch.tensor(order)


def _titles(dataset: Dataset, batch: Batch) -> list[str]:
    """What each sample is called."""
    titles = [dataset.called(number) for number in batch.ids.tolist()]
    if batch.target is not None and dataset.spec.target is not None and dataset.spec.target.kind == "class":
        words = [dataset.classes[label] if dataset.classes else label for label in batch.target.tolist()]
        titles = [f"{title}, {word}" for title, word in zip(titles, words, strict=True)]
    return [f"{title[:1].upper()}{title[1:]}" if title.startswith("sample ") else title for title in titles]
