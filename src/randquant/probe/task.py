"""An encoder and a task in, result lines out: one dictionary a score, as a results.jsonl holds them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any

from torch import nn

from randquant import __version__
from randquant.data import Dataset, open_data
from randquant.errors import UserError
from randquant.probe.features import extract, labels_of, named_encoders, raw
from randquant.probe.score import Score, score
from randquant.settings import ProbeSettings
from randquant.terminal import is_drawn, tell, write_table


def probe(settings: ProbeSettings) -> list[dict[str, Any]]:
    """Probe a run on some tasks, beside the samples themselves and a random encoder, and show a table.

    Returns:
        the result lines of all tasks; of the plain rows first, under the methods `raw` and `none`.

    Raises:
        UserError: the run or a task is not there, or a task has no labels that can be probed.
    """
    lines = []
    for task in settings.task:
        dataset = open_data(task)
        asked = {"run": settings.run, "task": task, "seed": settings.seed, "draws": settings.draws}
        for method, seed, encoder in named_encoders(settings, dataset):
            start = time.perf_counter()
            scores = score_task(encoder, dataset, seed=settings.seed, draws=settings.draws)
            lines += result_lines(
                scores,
                suite="probe",
                dataset=dataset,
                method=method,
                seed=seed,
                seconds=time.perf_counter() - start,
                config_hash=config_hash({**asked, "method": method}),
            )
    if not settings.quiet:
        show(lines)
    return lines


def score_task(encoder: nn.Module | None, dataset: Dataset, *, seed: int, draws: int = 5) -> list[Score]:
    """Scores of an encoder, or of the samples themselves, on a data set's test part.

    Raises:
        UserError: the data set has no test part or no classes.
    """
    dataset.check_classes("task")
    for part in ("train", "test"):
        if part not in dataset.parts:
            raise UserError(f"task: {dataset.name} has no {part} part; a probe needs both train and test")
    features, labels = {}, {}
    for part in ("train", "test"):
        batch = dataset.held(part)
        features[part] = raw(batch) if encoder is None else extract(encoder, batch)
        labels[part] = labels_of(batch)
    return score(features["train"], labels["train"], features["test"], labels["test"], seed=seed, draws=draws)


def result_lines(
    scores: Iterable[Score],
    *,
    suite: str,
    dataset: Dataset,
    method: str,
    seed: int,
    seconds: float,
    config_hash: str,
) -> list[dict[str, Any]]:
    """The scores as lines of a results.jsonl; `seconds` is the time of the whole cell."""
    return [
        {
            "suite": suite,
            "domain": dataset.domain,
            "task": dataset.name,
            "method": method,
            "seed": seed,
            "head": one.head,
            "labels": one.labels,
            "draw": one.draw,
            "metric": one.metric,
            "value": one.value,
            "samples": len(dataset.held("test").ids),
            "seconds": round(seconds, 3),
            "status": "ok",
            "config_hash": config_hash,
            "version": __version__,
        }
        for one in scores
    ]


def config_hash(settings: dict[str, Any]) -> str:
    """16 digits that name some settings and the version of randquant."""
    text = json.dumps({"version": __version__, **settings}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def show(lines: Sequence[dict[str, Any]]) -> None:
    """The mean and the spread over draws: a column a number of labels for a reader, a row a number for a program."""
    drawn: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for line in lines:
        place = line["task"], line["method"], line["head"]
        drawn.setdefault(place, {}).setdefault(line["labels"], []).append(line["value"])
    if not is_drawn():
        rows = [
            [*place, labels, f"{fmean(values):.4f}", f"{stdev(values):.4f}" if len(values) > 1 else ""]
            for place, numbers in drawn.items()
            for labels, values in numbers.items()
        ]
        write_table(("task", "method", "head", "labels", "accuracy", "spread_draws"), rows)
        return
    counts = list(dict.fromkeys(line["labels"] for line in lines))
    table = [
        [*place, *(f"{100 * fmean(values):.1f}" for values in map(numbers.__getitem__, counts))]
        for place, numbers in drawn.items()
    ]
    write_table(("task", "method", "head", *counts), table, text_columns=3)
    tell("Accuracy in percent, by the number of labels a class; few labels: the mean over draws.")
