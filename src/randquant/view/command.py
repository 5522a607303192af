"""`randquant view` and a run directory in, its page out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from randquant.data import Batch, Dataset
from randquant.device import find_device
from randquant.errors import UserError
from randquant.output import new_file
from randquant.probe import extract
from randquant.quantize.draw import Draws
from randquant.report.curves import WHOLE_TRAINING, Chart, few_label_curves, training_curves
from randquant.report.files import write_whole
from randquant.report.flat import HOW, flat
from randquant.report.looks import CLASS_COLOURS, Look, looks
from randquant.report.maps import ACROSS, SIDE, placed
from randquant.report.pictures import photo, sheet
from randquant.report.results import read
from randquant.report.runs import TrainedRun, flattened
from randquant.report.table import tables
from randquant.report.template import fill
from randquant.run import Run, open_for, open_own
from randquant.run.card import card, last_values
from randquant.settings import ViewSettings
from randquant.terminal import remark
from randquant.view.tiles import Tiles, near, tiles

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DOT = "•"


@dataclass(frozen=True)
class Map:
    """Where the samples lie, what stands for each, and what is said of it.

    Args:
        points: [N, 2] in whole units of the map.
        marks: what is written at each place; a letter or a word for its class.
        classes: the colour of each, by number.
        said: what a reader hears or reads of each.
        legend: mark, word and colour of each class; empty where the marks are the words.
        sheet: all pictures on one sheet; "" where samples are words.
        tile: height and width of a picture.
    """

    points: list[tuple[int, int]]
    marks: tuple[str, ...]
    classes: tuple[int, ...]
    said: tuple[str, ...]
    legend: tuple[tuple[str, str, int], ...]
    sheet: str
    tile: tuple[int, int]


@dataclass(frozen=True)
class Shown:
    """One sample among neighbours: its picture or words, its label or name, and whether its label is the query's."""

    picture: str
    words: str
    label: str
    name: str
    agrees: bool | None


def view(settings: ViewSettings) -> Path:
    """Write the page of a run, and say where it is.

    Raises:
        UserError: the run, its encoder or the data is not there, or the page cannot be written.
    """
    run = Run.open(settings.run)
    out = new_file(settings.out or run.path / "view.html", overwrite=settings.overwrite)
    write_whole(out, html(run, opened(run, settings), settings))
    remark(f"view: {out}")
    return out


def opened(run: Run, settings: ViewSettings) -> Dataset:
    """The samples that are mapped: those that the run was trained on, or others, read as these were.

    Raises:
        UserError: they are not there, or cannot be read that way.
    """
    if settings.data:
        return open_for(run, settings.data, settings.reading)
    return open_own(run, settings.reading)


def html(run: Run, dataset: Dataset, settings: ViewSettings) -> str:
    """The page: one file that needs nothing else.

    Raises:
        UserError: the run's encoder is not there, or does not take these samples.
    """
    config = run.config
    began = config["settings"]
    method = str(began.get("method", "encoder"))
    encoder = run.encoder().to(find_device(settings.device))
    if encoder.spec.inputs != dataset.spec.inputs:
        raise UserError(
            f"data: {dataset.name} has inputs {dataset.spec.inputs}, but the encoder takes {encoder.spec.inputs}"
        )
    part = settings.part or ("test" if "test" in dataset.parts else "train")
    if part not in dataset.parts:
        raise UserError(f"part: {dataset.name} has no {part} part, but {', '.join(dataset.parts)}")
    samples = dataset.parts[part]
    some = Draws(0, 0, samples.ids).permutation("view")[: settings.samples].sort().values
    batch = samples.take(some)
    features = extract(encoder, batch)
    small = tiles(dataset, dataset.measured(batch))
    labels = _labels(dataset, batch)
    trained = TrainedRun(str(began.get("data", "")), method, int(began.get("seed", 0)), config, tuple(run.metrics()))
    own = looks([method])
    curves = training_curves([trained], own, "training", tuple(WHOLE_TRAINING))
    few = _few_labels(run, method, settings)
    queries = _queries(batch, labels, settings.queries)
    last = last_values(run.metrics())
    mapped = _map(features, small, batch, dataset, labels)
    shown: dict[str, Any] = {
        "name": run.path.resolve().name,
        "method": own[method].title,
        "data": str(began.get("data", dataset.name)),
        "trained_on": _title(run),
        "mapped": dataset.title,
        "part": part,
        "steps": int(last.get("step", 0)),
        "planned": int(began.get("steps", 0)),
        "last": last,
        "key": _key(last, encoder.width),
        "looks": {"own": own, **{f"few-{i}": seen for i, (_, seen, _) in enumerate(few)}},
        "curves": curves,
        "few": few,
        "map": mapped,
        "said": json.dumps(mapped.said).replace("<", "\\u003c"),  # it stands in a script element
        "how": HOW,
        "side": SIDE,
        "across": ACROSS,
        "class_colours": CLASS_COLOURS,
        "queries": _neighbours(features, small, dataset, batch, labels, queries, settings.neighbours),
        "agreement": _agreement(features, labels, settings.neighbours),
        "neighbours": settings.neighbours,
        "settings": flattened(began),
        "versions": config["versions"],
        "card": card(run),
        "path": run.path,
    }
    return fill("view.html", **shown)


def _title(run: Run) -> str:
    """What the page calls the data that the run was trained on."""
    facts, name = run.data, str(run.config["settings"]["data"])
    return name if facts is None or facts["path"] is None else Path(facts["path"]).name


def _labels(dataset: Dataset, batch: Batch) -> list[str] | None:
    """The class of each sample in words; None where there are no classes."""
    target = dataset.spec.target
    if batch.target is None or target is None or target.kind != "class":
        return None
    return [dataset.classes[label] if dataset.classes else str(label) for label in batch.target.long().tolist()]


def _key(last: dict[str, float], width: int) -> list[tuple[str, str, str]]:
    """A few numbers to begin with: the number, what it is, what it stands beside."""
    found = []
    if "effective_rank" in last:
        found.append((f"{last['effective_rank']:.1f}", "directions that the features fill", f"of {width}"))
    if "feature_spread" in last:
        found.append((f"{last['feature_spread']:.2f}", "spread of the features", "0 is a collapse, 1 the most"))
    if "accuracy" in last:
        found.append((f"{100 * last['accuracy']:.0f} %", "of pairs told apart in training", ""))
    if "seconds" in last:
        long = last["seconds"] >= 60
        found.append((f"{last['seconds'] / 60:.1f} min" if long else f"{last['seconds']:.0f} s", "of training", ""))
    return found


def _few_labels(run: Run, method: str, settings: ViewSettings) -> list[tuple[str, dict[str, Look], list[Chart]]]:
    """Of every task that was probed: its name, the looks of its rows, and its curves.

    Raises:
        UserError: the file that was asked for cannot be read.
    """
    beside = [run.path / "results.jsonl", run.path.resolve().parent.parent / "results.jsonl"]
    path = settings.results or next((one for one in beside if one.is_file()), None)
    if path is None:
        return []
    found = [table for table in tables(read(path)) if table.columns and any(row.method == method for row in table.rows)]
    return [
        (
            table.task.rpartition(os.sep)[2],
            {row.method: row.look for row in table.rows},
            few_label_curves(table, f"few-{place}"),
        )
        for place, table in enumerate(found)
    ]


def _map(features: np.ndarray[Any, Any], small: Tiles, batch: Batch, dataset: Dataset, labels: list[str] | None) -> Map:
    points = placed(flat(features)) if len(features) > 3 else [(SIDE // 2, SIDE // 2)] * len(features)
    names = list(dict.fromkeys(dataset.classes)) if labels is not None else []
    if labels is not None and not names:
        names = sorted(set(labels))
    short = all(len(name) <= 2 for name in names)
    letters = {name: name if short else _LETTERS[i] if i < len(_LETTERS) else _DOT for i, name in enumerate(names)}
    numbers = {name: i % len(CLASS_COLOURS) for i, name in enumerate(names)}
    said = []
    for row, number in enumerate(batch.ids.tolist()):
        words = [
            dataset.called(number),
            *([labels[row]] if labels else []),
            *([small.words[row]] if small.words[row] else []),
        ]
        said.append(", ".join(words))
    pictures = small.pictures
    return Map(
        points=points,
        marks=tuple(letters[label] for label in labels) if labels else (_DOT,) * len(said),
        classes=tuple(numbers[label] for label in labels) if labels else (0,) * len(said),
        said=tuple(said),
        legend=() if short else tuple((letters[name], name, numbers[name]) for name in names),
        sheet="" if pictures is None else photo(np.stack([sheet(pictures[..., c], ACROSS) for c in range(3)], axis=-1)),
        tile=(0, 0) if pictures is None else (pictures.shape[1], pictures.shape[2]),
    )


def _queries(batch: Batch, labels: list[str] | None, count: int) -> list[int]:
    """Rows of samples whose neighbours are shown, of different classes where there are some."""
    if labels is None:
        return torch.linspace(0, len(batch.ids) - 1, min(count, len(batch.ids))).long().tolist()
    rows = list({label: row for row, label in reversed(list(enumerate(labels)))}.values())
    return sorted(rows)[:count]


def _neighbours(
    features: np.ndarray[Any, Any],
    small: Tiles,
    dataset: Dataset,
    batch: Batch,
    labels: list[str] | None,
    queries: list[int],
    count: int,
) -> list[list[Shown]]:
    """The query, then its neighbours, of each query."""
    if not queries:
        return []

    def shown(row: int, query: int) -> Shown:
        return Shown(
            picture="" if small.pictures is None else photo(small.pictures[row]),
            words=small.words[row],
            label=labels[row] if labels else dataset.called(int(batch.ids[row])),
            name=dataset.called(int(batch.ids[row])),
            agrees=None if labels is None else labels[row] == labels[query],
        )

    return [
        [shown(row, query) for row in (query, *rows)]
        for query, rows in zip(queries, near(features, queries, count), strict=True)
    ]


def _agreement(features: np.ndarray[Any, Any], labels: list[str] | None, count: int) -> tuple[str, str] | None:
    """How many of all neighbours share the label of their sample, in percent, and how many would by chance."""
    if labels is None:
        return None
    rows = near(features, range(len(labels)), count)
    same = [labels[other] == labels[row] for row, others in enumerate(rows) for other in others]
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return f"{100 * float(np.mean(same)):.0f}", f"{100 * float((shares**2).sum()):.0f}"
