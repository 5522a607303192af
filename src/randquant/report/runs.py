"""The run directories of a grid in, their settings and training curves out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NAME = re.compile(r"(?P<method>.+)-seed(?P<seed>\d+)")


@dataclass(frozen=True)
class TrainedRun:
    """One run directory: `runs/<method>-seed<k>`, or `runs/<data>-<method>-seed<k>` in a suite, or the folder itself.

    Args:
        data: what it was trained on; "" where config.json does not say so.
        name: of the method, as the folder has it: "shed@2x", which is the method "shed" with other settings.
        config: what config.json says; empty where it could not be read.
        metrics: the lines of metrics.jsonl that could be read.
    """

    data: str
    method: str
    seed: int
    config: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    name: str = ""

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """The steps at which a metric was logged, and its values there."""
        points = [(line["step"], line[name]) for line in self.metrics if _number(line.get(name))]
        return [float(step) for step, _ in points], [float(value) for _, value in points]


def runs(folder: Path) -> list[TrainedRun]:
    """Every run directory under `folder/runs`, by data set, method and seed, and the folder where it is one."""
    found = list(_itself(folder))
    for path in (folder / "runs").glob("*-seed*"):
        if match := _NAME.fullmatch(path.name):
            config = one_object(path / "config.json")
            told = config.get("settings", config)
            data, method = ((told.get(name) if isinstance(told, Mapping) else None) for name in ("data", "method"))
            name = match["method"].removeprefix(f"{data}-")
            found.append(
                TrainedRun(
                    str(data or ""), str(method or match["method"]), int(match["seed"]), config, _metrics(path), name
                )
            )
    return sorted(found, key=lambda run: (run.data, run.method, run.seed))


def _itself(folder: Path) -> Iterator[TrainedRun]:
    """The folder as a run; of a fine-tuning, its own settings and the method that its result lines name."""
    config = one_object(folder / "config.json")
    settings = config.get("settings")
    if not isinstance(settings, Mapping) or not _number(settings.get("seed")):
        return
    method, tuned = str(settings.get("method")), config.get("finetune")
    if isinstance(tuned, Mapping):
        method = method.removesuffix("+finetune")
        config = {**config, "settings": {name: value for name, value in tuned.items() if name != "run"}}
    data = str(config["settings"].get("data", ""))
    yield TrainedRun(data, method, int(settings["seed"]), config, _metrics(folder), method)


def _metrics(path: Path) -> tuple[Mapping[str, Any], ...]:
    return tuple(line for line in _lines(path / "metrics.jsonl") if _number(line.get("step")))


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as one level: {"encoder": {"width": 96}} becomes {"encoder.width": "96"}."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flattened(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def one_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where the file is missing or holds something else."""
    return next(_objects(_text(path)), {})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects in a file, one a line; a line that is torn is left out."""
    return _objects(*_text(path).splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _objects(*texts: str) -> Iterator[dict[str, Any]]:
    for text in texts:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
