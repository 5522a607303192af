"""One input of some samples in, a section of the page out: what the bins keep of it, and its drawings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from randquant.data import Batch, Dataset
from randquant.encoder import DomainAgnosticTransformer
from randquant.errors import UserError
from randquant.preview import figures
from randquant.preview.figures import Array, Figure, View
from randquant.preview.sound import sines
from randquant.preview.words import Reading, readings
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.draw import Draws
from randquant.quantize.information import Kept, kept
from randquant.settings import PreviewSettings
from randquant.spec import Grid, Input, Table, Tokens

_CHANNELS = 3  # of a sample that are drawn
_COLUMNS = 8  # of a table that are drawn
_DRAWS = 256  # of a column's bins, over which what they keep is averaged
_PLAYED = 2  # channels of a sound, at most


@dataclass(frozen=True)
class Panel:
    """One sample of one input: its drawings row by row, or its words."""

    title: str
    rows: tuple[tuple[Figure, ...], ...] = ()
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True)
class Row:
    """What one number of bins keeps, as the page says it; the mean over samples and channels."""

    bins: int
    bits: str
    most: str
    variance: str
    fullest: str


@dataclass(frozen=True)
class Section:
    """One input of a sample: what it is, what the bins keep of it, and its drawings."""

    title: str
    about: str
    rows: tuple[Row, ...]
    panels: tuple[Panel, ...]


def section(
    place: int,
    one: Input,
    dataset: Dataset,
    chosen: Batch,
    measured: Batch,
    titles: Sequence[str],
    draws: Draws,
    encoder: DomainAgnosticTransformer,
    settings: PreviewSettings,
) -> Section:
    values = chosen.inputs[place]
    title = "Samples" if len(dataset.spec.inputs) == 1 else f"Input {place}"
    if not one.channels and isinstance(one, Table):
        return Section(title, f"{one.tokens} columns of categories, which are left alone.", (), ())
    if not one.channels:
        assert isinstance(one, Tokens)
        weight = encoder.embeddings[place].weight
        assert isinstance(weight, Tensor)
        table = weight.detach()
        panels = [
            Panel(
                titles[i],
                readings=tuple(
                    readings(
                        values[[i]],
                        table,
                        dataset.words,
                        settings.bins,
                        Draws(settings.seed, 0, chosen.ids[[i]]),
                        one.padding,
                        settings.edges,
                    )
                ),
            )
            for i in range(len(values))
        ]
        whose = "a random table" if settings.run is None else f"the encoder of {settings.run}"
        about = (
            f"{one.length} symbols of {one.vocabulary:,}. Symbols cannot be quantized, their embeddings can: "
            f"each dimension is a channel over the symbols of its sample. Embeddings are those of {whose}; "
            "each is then read as the symbol that is nearest to it."
        )
        return Section(title, about, (), tuple(panels))
    if not one.size:
        assert isinstance(one, Table)
        return _table(place, one, title, dataset, chosen, measured, titles, draws, settings)
    assert isinstance(one, Grid)
    numbers = values[:, : one.channels]
    edges = settings.edges
    drawn = [quantize_with_bins(numbers, count, draws.keys(f"rq/{place}"), edges=edges) for count in settings.bins]
    all_keys = Draws(settings.seed, 0, measured.ids).keys(f"rq/{place}")
    every = measured.inputs[place]
    rows = tuple(
        _row(
            count,
            kept(
                every.flatten(2).flatten(0, 1),
                quantize_with_bins(every, count, all_keys, edges=edges).edges.flatten(0, 1),
            ),
        )
        for count in settings.bins
    )
    panels = []
    for i, sample in enumerate(titles):
        views = [
            View(count, f"{count} bins", *(part[i].double().numpy() for part in view))
            for count, view in zip(settings.bins, drawn, strict=True)
        ]
        rising = dataset.spectrograms and len(one.size) == 2
        drawings = _grid(numbers[i].double(), views, sample, one, settings, rising=rising)
        panels.append(Panel(sample, tuple(map(tuple, drawings))))
    size = " x ".join(map(str, one.size)) + (" steps" if len(one.size) == 1 else "")
    about = f"{one.channels} channel{'s' if one.channels > 1 else ''} of {size}; each is quantized by bins of its own."
    if dataset.own is not None:
        about += " Values are shown as they were read; a training scales each channel to mean 0 and spread 1."
    if len(one.size) == 1 and one.channels > _CHANNELS:
        about += f" {_CHANNELS} channels are drawn."
    if len(one.size) > 1 and one.channels not in (1, 3):
        about += f" {min(_CHANNELS, one.channels)} of them are drawn, in grey."
    if dataset.spectrograms and len(one.size) == 2:
        about += " Pitch rises upwards, time runs to the right."
    if len(one.size) == 3:
        about += " The middle of the first dimension is drawn."
    return Section(title, about, rows, tuple(panels))


def _grid(
    before: Tensor, views: Sequence[View], title: str, one: Grid, settings: PreviewSettings, *, rising: bool
) -> list[list[Figure]]:
    """The rows of drawings of a sample [C, *size]."""
    if len(one.size) == 1:
        shown = range(min(_CHANNELS, one.channels))
        heard = settings.rate if one.channels <= _PLAYED else 0
        return [figures.lines(before[[c]].numpy(), [_only(view, c) for view in views], title, c, heard) for c in shown]
    if len(one.size) == 3:
        middle = one.size[0] // 2
        before = before[:, middle]
        views = [View(v.bins, v.caption, v.after[:, middle], v.edges, v.values) for v in views]

    def sound(values: Array) -> str:
        heard = settings.seconds > 0 and one.channels == 1 and len(one.size) == 2
        return sines(values[0], settings.seconds, settings.highest) if heard else ""

    if one.channels == 3:
        return [figures.pictures(before.numpy(), views, title, range(3), sound, rising=rising)]
    shown = range(min(_CHANNELS, one.channels))
    return [
        figures.pictures(before[[c]].numpy(), [_only(view, c) for view in views], title, [c], sound, rising=rising)
        for c in shown
    ]


def _only(view: View, channel: int) -> View:
    one = [channel]
    return View(view.bins, view.caption, view.after[one], view.edges[one], view.values[one])


def _table(
    place: int,
    one: Table,
    title: str,
    dataset: Dataset,
    chosen: Batch,
    measured: Batch,
    titles: Sequence[str],
    draws: Draws,
    settings: PreviewSettings,
) -> Section:
    """A table's columns: each over the range of the training part, each value by bins of its own.

    Raises:
        UserError: quantile edges, which one value a column has not.
    """
    if settings.edges == "quantile":
        raise UserError("edges: a table has one value a column and sample, and so no quantiles; take random or uniform")
    every = measured.inputs[place][:, : one.columns].double()  # [N, columns]
    known = one.limits or tuple(zip(every.amin(0).tolist(), every.amax(0).tolist(), strict=True))
    low, high = torch.tensor(known, dtype=torch.float32).unbind(1)
    values = chosen.inputs[place][:, : one.columns]
    drawn = [
        quantize_with_bins(values, count, draws.keys(f"rq/{place}"), (low, high), settings.edges)
        for count in settings.bins
    ]
    keys = Draws(settings.seed, 0, torch.arange(_DRAWS)).keys(f"rq/{place}")
    some = every[:1].float().expand(_DRAWS, -1)
    rows = []
    for count in settings.bins:
        edges = quantize_with_bins(some, count, keys, (low, high), settings.edges).edges  # [K, columns, R-1]
        columns = [kept(every[:, c].expand(_DRAWS, -1), edges[:, c]) for c in range(one.columns)]
        rows.append(_row(count, Kept(*map(torch.cat, zip(*columns, strict=True)))))
    shown = range(min(_COLUMNS, one.columns))
    own = None if dataset.own is None else dataset.own.table(place)
    panels = []
    for i, sample in enumerate(titles):
        lines = []
        for c in shown:
            name = f"column {c}" if own is None else own.numbers[c]

            def back(scaled: Tensor, c: int = c) -> Array:
                """As the file has it."""
                unscaled: Array = (scaled.double() if own is None else own.measured(scaled, c)).numpy()
                return unscaled

            views = [
                View(
                    count,
                    f"{count} bins",
                    back(view.after[[i]][:, [c]]),
                    back(view.edges[i][[c]]),
                    back(view.values[i][[c]]),
                )
                for count, view in zip(settings.bins, drawn, strict=True)
            ]
            lines.append(tuple(figures.numbers(back(every[:, c]), float(back(values[i, c])), views, sample, name)))
        panels.append(Panel(sample, tuple(lines)))
    about = (
        f"{one.columns} columns of numbers, {len(one.categories)} of categories, which are left alone. "
        "A value has no range of its own: bins lie in the range that its column has in training."
        + (f" {_COLUMNS} columns are drawn." if one.columns > _COLUMNS else "")
    )
    return Section(title, about, tuple(rows), tuple(panels))


def _row(count: int, one: Kept) -> Row:
    return Row(
        bins=count,
        bits=f"{float(one.bits.mean()):.2f}",
        most=f"{math.log2(count):.2f}",
        variance=f"{100 * float(one.variance.mean()):.1f}",
        fullest=f"{100 * float(one.fullest.mean()):.1f}",
    )
