"""An encoder and a task in, result lines out: one dictionary a score, as a results.jsonl holds them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import numpy as np
from torch import nn

from randquant import __version__
from randquant.data import Dataset, is_path, open_data
from randquant.errors import UserError
from randquant.methods import UNTRAINED
from randquant.probe.anew import Anew
from randquant.probe.benchmark import score_benchmark
from randquant.probe.blocks import added, blocks_of, sizes
from randquant.probe.boosted import COLUMNS, boosted
from randquant.probe.features import RANDOM, RAW, extract, groups_of, labels_of, named_encoders, targets_of
from randquant.probe.metrics import SCORED_BY, chance
from randquant.probe.plain import plain
from randquant.probe.score import PENALTIES, Score, score
from randquant.probe.unseen import split_path
from randquant.probe.values import score_values
from randquant.probe.verdict import verdict
from randquant.run import Run
from randquant.settings import ProbeSettings, Protocol
from randquant.terminal import is_drawn, remark, tell, write_table


def probe(settings: ProbeSettings) -> list[dict[str, Any]]:
    """Probe a run on some tasks, beside the samples themselves and a random encoder; show it, keep it with the run.

    Returns:
        the result lines of all tasks; of the plain rows first, under the methods `raw` and `none`.

    Raises:
        UserError: the run or a task is not there, or a task has no labels that can be probed.
    """
    found = {task: (_probe_path if is_path(task) else _probe_named)(settings, task) for task in settings.task}
    lines = [line for some in found.values() for line in some]
    if settings.run not in (RAW, RANDOM):
        Run.open(settings.run).save_results(lines)
    if not settings.quiet:
        show(lines)
        for task, some in found.items():
            method = some[-1]["method"]
            if is_path(task) and method not in (RAW, UNTRAINED) and some[0]["metric"].endswith("accuracy"):
                (tell if is_drawn() else remark)(verdict(some, method))
    return lines


def _probe_named(settings: ProbeSettings, task: str) -> list[dict[str, Any]]:
    """Probe a task of the catalogue."""
    lines = []
    paths = any(is_path(one) for one in settings.task)  # which the reading is then meant for
    choices = {} if paths else settings.reading.choices()
    dataset = open_data(task, faithful=settings.dabs_faithful, **choices)
    asked = {"run": settings.run, "task": task, "seed": settings.seed, "draws": settings.draws}
    asked |= {"protocol": settings.protocol, "faithful": settings.dabs_faithful}
    for method, seed, encoder in named_encoders(settings, dataset):
        if not settings.quiet:
            remark(f"probing {method} on {dataset.title}")
        start = time.perf_counter()
        scores = score_task(
            encoder,
            dataset,
            seed=settings.seed,
            draws=settings.draws,
            protocol=settings.protocol,
            faithful=settings.dabs_faithful,
        )
        lines += result_lines(
            scores,
            suite="probe" if settings.protocol == "default" else settings.protocol,
            dataset=dataset,
            method=method,
            seed=seed,
            seconds=time.perf_counter() - start,
            config_hash=config_hash({**asked, "method": method}),
        )
    return lines


def _probe_path(settings: ProbeSettings, path: str) -> list[dict[str, Any]]:
    """Probe a path: what the encoder has not seen leads; boosted trees on the raw input are a row of their own."""
    if settings.protocol != "default":
        raise UserError(f"protocol: got {settings.protocol}, but {path} is no data set of that benchmark")
    run = None if settings.run in (RAW, RANDOM) else Run.open(settings.run)
    splits = split_path(run, path, settings.reading, settings.seed)
    if not settings.quiet:
        remark(splits.note)
    draws = settings.draws if len(splits.datasets) == 1 else 1  # each fold draws anew
    asked = {"run": settings.run, "task": splits.datasets[0].name, "seed": settings.seed, "draws": draws}
    asked |= {"reading": settings.reading.choices()}
    lines: list[dict[str, Any]] = []
    for method, seed, encoder in named_encoders(settings, splits.datasets[0]):
        for fold, dataset in enumerate(splits.datasets):
            if not settings.quiet:
                which = f", part {fold + 1} of {len(splits.datasets)}" if len(splits.datasets) > 1 else ""
                remark(f"probing {method} on {dataset.title}{which}")
            start = time.perf_counter()
            scores = score_task(encoder, dataset, seed=settings.seed, draws=draws)
            if encoder is None and dataset.metric == "accuracy":
                scores = [*scores, *_boosted(dataset, settings.seed, draws)]
            lines += result_lines(
                [replace(one, draw=fold if fold else one.draw) for one in scores],
                suite="probe",
                dataset=dataset,
                method=method,
                seed=seed,
                seconds=time.perf_counter() - start,
                config_hash=config_hash({**asked, "method": method}),
            )
    return lines


def _boosted(dataset: Dataset, seed: int, draws: int) -> list[Score]:
    """Boosted trees on the plain features; none where there are too many of these."""
    train, test = (dataset.parts[part] for part in ("train", "test"))
    features, tested = plain(dataset.spec.inputs, train, test)
    if features.shape[1] > COLUMNS:
        remark(f"{dataset.name}: boosted trees are left out, since {features.shape[1]:,} columns are above {COLUMNS:,}")
        return []
    return boosted(features, labels_of(train), tested, labels_of(test), seed=seed, draws=draws, groups=groups_of(train))


def score_task(
    encoder: nn.Module | None,
    dataset: Dataset,
    *,
    seed: int,
    draws: int = 5,
    penalties: Sequence[float] = PENALTIES,
    protocol: Protocol = "default",
    faithful: bool = False,
) -> list[Score]:
    """Scores of an encoder, or of the samples' plain features, on a data set's test part.

    Args:
        encoder: None for the plain features.
        dataset: a task; the kind of its target and its metric say how it is probed.
        seed: names the validation part and the draws of the few labels, or the benchmark's order of samples.
        draws: how many times the few labels are drawn.
        penalties: those that the linear head's is chosen among.
        protocol: the default probe, or the DABS benchmark's own head.
        faithful: whether that head's correlations are averaged over batches, and the training part is encoded in each
            epoch with dropout on, as in the benchmark.

    Raises:
        UserError: the data set has no test part or no labels, or a mean over batches is no number.
    """
    target = dataset.spec.target
    if target is None:
        raise UserError(f"task: {dataset.name} has no labels; give a data set with some")
    if dataset.metric not in SCORED_BY[target.kind]:
        known = " or ".join(SCORED_BY[target.kind])
        raise UserError(f"task: {dataset.name} has a target of kind {target.kind}, which is scored by {known}")
    for part in ("train", "test"):
        if part not in dataset.parts:
            raise UserError(f"task: {dataset.name} has no {part} part; a probe needs both train and test")
    parts = dataset.parts["train"], dataset.parts["test"]
    train, test = plain(dataset.spec.inputs, *parts) if encoder is None else (extract(encoder, one) for one in parts)
    taught, asked = (targets_of(one, target.kind) for one in parts)
    if protocol == "dabs":
        return score_benchmark(
            train,
            taught,
            test,
            asked,
            target=target,
            metric=dataset.metric,
            batch=dataset.batch,
            seed=seed,
            faithful=faithful,
            anew=Anew(encoder, parts[0], seed) if faithful and encoder is not None else None,
        )
    groups = groups_of(parts[0])
    if dataset.metric == "accuracy":
        classes, asked_classes = taught.astype(np.int64), asked.astype(np.int64)
        return score(train, classes, test, asked_classes, seed=seed, draws=draws, penalties=penalties, groups=groups)
    return score_values(
        train, taught, test, asked, metric=dataset.metric, seed=seed, penalties=penalties, groups=groups
    )


def result_lines(
    scores: Iterable[Score],
    *,
    suite: str,
    dataset: Dataset,
    method: str,
    seed: int,
    seconds: float,
    config_hash: str,
    comparable: bool = False,
) -> list[dict[str, Any]]:
    """The scores as lines of a results.jsonl; with all labels `blocks` has what each block of the test part adds.

    Args:
        scores: of one method on one task, from one seed.
        suite: where they belong.
        dataset: the task.
        method, seed: as the table names them.
        seconds: of the whole cell.
        config_hash: names all that the scores depend on.
        comparable: whether they were measured as the benchmark's published figures were.
    """
    test, target = dataset.parts["test"], dataset.spec.target
    assert target is not None
    by_chance = chance(dataset.metric, targets_of(test, target.kind))
    blocks = blocks_of(test)
    samples = sizes(blocks)
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
            "samples": len(test.ids),
            "chance": round(by_chance, 6),
            "synthetic": dataset.synthetic,
            "comparable": comparable,
            "seconds": round(seconds, 3),
            "status": "ok",
            "config_hash": config_hash,
            "version": __version__,
        }
        | ({} if one.part is None else {"blocks": {"added": added(one.part, blocks), "samples": samples}})
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
    metrics = {line["metric"].split("_")[1] for line in lines}
    scored_by = metrics.pop() if len(metrics) == 1 else "value"
    if not is_drawn():
        rows = [
            [*place, labels, f"{fmean(values):.4f}", f"{stdev(values):.4f}" if len(values) > 1 else ""]
            for place, numbers in drawn.items()
            for labels, values in numbers.items()
        ]
        write_table(("task", "method", "head", "labels", scored_by, "spread_draws"), rows)
        return
    counts = list(dict.fromkeys(line["labels"] for line in lines))
    table = [
        [*place, *(f"{100 * fmean(numbers[count]):.1f}" if count in numbers else "" for count in counts)]
        for place, numbers in drawn.items()
    ]
    write_table(("task", "method", "head", *counts), table, text_columns=3)
    tell(f"{scored_by.capitalize()} times 100, by the number of labels a class; few labels: the mean over draws.")
