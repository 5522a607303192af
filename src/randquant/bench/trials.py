"""Settings in, an exploration.jsonl out: every method's configurations, tried on a part cut from the training data."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

from randquant import __version__
from randquant.bench.configurations import Configuration, configurations, worded
from randquant.bench.development import development
from randquant.bench.explored import SUITE, best, read_trials
from randquant.bench.failure import broken
from randquant.bench.spread import spread
from randquant.bench.suite import chosen_pairs, shared_out
from randquant.data import DATASETS, Dataset, open_data
from randquant.device import find_device
from randquant.methods import NotApplicableError, words_of
from randquant.pretrain import train
from randquant.probe import quick_scores
from randquant.probe.task import config_hash
from randquant.run.lines import append
from randquant.settings import ChooseSettings, PretrainSettings
from randquant.terminal import remark, write_table


@dataclass(frozen=True)
class Trial:
    """A configuration that is to be tried.

    Args:
        task: what is trained on and probed.
        method, number, configuration: which of the method's configurations it is, from 1.
        training: how the encoder is trained.
        further: whether it is none of the eight, and so is not to be chosen.
    """

    task: str
    method: str
    number: int
    configuration: Configuration
    training: PretrainSettings
    further: bool = False

    @property
    def config_hash(self) -> str:
        """Names all settings that its scores depend on."""
        asked = {"suite": SUITE, "task": self.task, "training": self.training.decisive()}
        return config_hash(asked | ({"further": True} if self.further else {}))


def choose(settings: ChooseSettings) -> Path:
    """Try everything that does not stand in the folder yet, and show what is best.

    Returns:
        the path of exploration.jsonl.

    Raises:
        UserError: a setting is wrong, or the folder cannot be written.
        SystemExit: with 1, at the end, if a training failed.
    """
    find_device(settings.device, settings.precision)
    path = settings.out / "exploration.jsonl"
    append(path, [])  # so that a folder which cannot be written is found before anything is trained
    standing = {line["config_hash"] for line in read_trials(path) if not line["status"].startswith("failed")}
    everything = list(trials(settings))
    left = [one for one in shared_out(everything, settings.shard) if one.config_hash not in standing]
    failed = 0
    for number, line in enumerate(spread(measure, left, settings.processes), start=1):
        append(path, [line])
        failed += line["status"].startswith("failed")
        if not settings.quiet:
            remark(f"{number}/{len(left)}  {line['method']} {line['number']} on {line['task']}: {_told(line)}")
    if not settings.quiet:
        show(path, everything)
    if failed:
        raise SystemExit(1)
    return path


def trials(settings: ChooseSettings) -> Iterator[Trial]:
    """Every configuration of every method on every task, a task after the other.

    Raises:
        UserError: a method or a task is unknown, or the method has no configurations.
    """
    methods = dict.fromkeys(settings.methods.split(","))
    for method in methods:
        words_of(method)
    for task, source in chosen_pairs("mini", settings.tasks):
        entry = DATASETS[source]
        for method in methods:
            eight = configurations(method, entry.domain)
            further = [worded(text, entry.domain, method) for text in dict.fromkeys(settings.further)]
            for number, one in enumerate(further or eight, start=1 + len(eight) * bool(further)):
                for seed in range(settings.seed, settings.seed + settings.seeds):
                    training = PretrainSettings(
                        data=source,
                        method=method,
                        out=Path("unused"),
                        steps=settings.steps,
                        batch=entry.batch,
                        seed=seed,
                        learning_rate=one.learning_rate,
                        method_details=one.details,
                        device=settings.device,
                        precision=settings.precision,
                        log_every=settings.steps,
                        watch_every=settings.steps,
                        save_every=settings.steps,
                        quiet=True,
                    )
                    yield Trial(task, method, number, one, training, bool(further))


def measure(trial: Trial) -> dict[str, Any]:
    """Train and look: the trial's line. Nothing else is kept."""
    start = time.perf_counter()
    line = {
        "suite": SUITE,
        "domain": DATASETS[trial.task].domain,
        "task": trial.task,
        "method": trial.method,
        "seed": trial.training.seed,
        "number": trial.number,
        "configuration": trial.configuration.to_dict(),
        "steps": trial.training.steps,
        "precision": trial.training.precision,
    }
    if trial.further:
        line["further"] = True
    try:
        dataset = _development(trial.task, trial.training.seed)
        with tempfile.TemporaryDirectory(prefix="randquant-") as folder:
            run = train(dataclasses.replace(trial.training, out=Path(folder) / "run"), dataset, kept=False)
            encoder = run.encoder().to(find_device(trial.training.device))
        trained = time.perf_counter()
        scores = quick_scores(encoder, dataset, seed=trial.training.seed)
        line |= {one.metric: round(one.value, 6) for one in scores}
        line |= {"value": round(fmean(one.value for one in scores), 6), "status": "ok"}
        line |= {"seconds_training": round(trained - start, 3)}
    except NotApplicableError as problem:
        line |= {"status": f"not applicable: {problem}"}
    except Exception as error:  # noqa: BLE001 - whatever breaks one trial, the others are still worth having
        line |= broken(error)
    seconds = round(time.perf_counter() - start, 3)
    return {**line, "seconds": seconds, "config_hash": trial.config_hash, "version": __version__}


def show(path: Path, everything: list[Trial]) -> None:
    """A row a task and method: the configuration that is best so far, of how many that were tried; and the further."""
    lines = read_trials(path)
    rows = []
    hashes = {one.config_hash for one in everything if one.further}
    for line in (line for line in lines if line["config_hash"] in hashes and line["status"] == "ok"):
        rows.append([line["task"], line["method"], _words(line["configuration"]), f"{line['value']:.4f}", "1"])
    for task, method in dict.fromkeys((one.task, one.method) for one in everything if not one.further):
        found = best(lines, task, method)
        if found is not None:
            told = _words(found.configuration.to_dict())
            rows.append([task, method, told, f"{found.value:.4f}", str(found.tried)])
    title = "further configuration" if hashes else "best configuration"
    write_table(("task", "method", title, "value", "tried"), rows, text_columns=3)


def _words(configuration: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in configuration.items())


def _told(line: dict[str, Any]) -> str:
    if line["status"] != "ok":
        return str(line["status"])
    return f"{100 * line['value']:.1f} ({line['seconds']:.1f} s, {line['seconds_training']:.1f} of them training)"


@lru_cache(maxsize=2)
def _development(name: str, seed: int) -> Dataset:
    """The trials of one task come one after the other."""
    return development(open_data(name), seed)
