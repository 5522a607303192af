"""Result lines and runs in, a sentence out for every setting that a mean or a paired difference mixes.

A line carries few of the settings that it was made with, so those of the runs beside the results are looked at too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from randquant.report.findings import listed
from randquant.report.looks import PLAIN, Look
from randquant.report.results import Line
from randquant.report.runs import TrainedRun, flattened
from randquant.report.summary import comparisons
from randquant.settings import WITHOUT_EFFECT

# Settings that name the run, that change no number but by rounding, or that are a path for each seed.
_APART = {"data", "method", "seed", "device", "compile", "start", *WITHOUT_EFFECT}
_COMPARED = "Methods that are compared"
_OWN = "own "  # begins the name of a setting that each method has its own value of

Told = dict[tuple[str, str], dict[str, dict[int, str]]]  # by method and data: by setting and seed


def mixed(trained: Sequence[TrainedRun], scores: Sequence[Line], seen: Mapping[str, Look]) -> tuple[str, ...]:
    """Which means and differences mix settings, one sentence a setting; empty where none does.

    Args:
        trained: the runs beside the results; those that no score is of are passed over.
        scores: the lines with a value.
        seen: how methods are written.
    """
    found: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    suites = dict.fromkeys(line["suite"] for line in scores)
    for told in (*(_of_lines(line for line in scores if line["suite"] == one) for one in suites), _of(trained, scores)):
        for (method, data), settings in told.items():
            for text in _over_seeds(settings):
                found[text][data][seen[method].title] = None
        for data in dict.fromkeys(data for _, data in told):
            here = {method: settings for (method, own), settings in told.items() if own == data}
            for text in _between(here, seen):
                found[text][data][_COMPARED] = None
    return tuple(f"{_places(places)}: {text}." for text, places in found.items())


def _of_lines(lines: Iterable[Line]) -> Told:
    """What the lines of a suite carry."""
    told: Told = {}
    for line in lines:
        settings: dict[str, object] = {"penalty": line.get("penalty", "chosen"), "version": line.get("version")}
        settings["test samples"] = line.get("samples")
        if line["method"] not in PLAIN:
            chosen = line.get("configuration")
            settings["explored"] = "no" if chosen is None else "yes"
            settings |= {name: line.get(name) for name in ("steps", "precision")}
            settings |= {_OWN + name: value for name, value in (chosen if isinstance(chosen, Mapping) else {}).items()}
        of_method = told.setdefault((line["method"], line["task"]), {})
        for name, value in settings.items():
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value)
                of_method.setdefault(name, {}).setdefault(int(line["seed"]), text)
    return told


def _of(trained: Sequence[TrainedRun], scores: Sequence[Line]) -> Told:
    """What the runs say that scores are of. Nothing but the encoder's sizes matters to one that is not trained."""
    methods = {(line["method"].replace(" ", "-"), int(line["seed"])): line["method"] for line in scores}
    told: Told = {}
    for run in trained:
        method = methods.get((run.name, run.seed))
        settings = run.config.get("settings")
        if method is None or not isinstance(settings, Mapping):
            continue
        of_method = told.setdefault((method, run.data or "its data"), {})
        for name, value in flattened(settings).items():
            short = name.removeprefix("method_details.")
            if name not in _APART and (method not in PLAIN or name.startswith("encoder.")):
                own = short != name or name == "learning_rate"
                of_method.setdefault(_OWN + short if own else name, {})[run.seed] = value
    return told


def _over_seeds(settings: Mapping[str, Mapping[int, str]]) -> Iterator[str]:
    """ "steps 300 in seeds 0 to 2, 600 in seeds 3 and 4", for each setting that is not the same for all seeds."""
    for name, by_seed in settings.items():
        seeds: dict[str, list[int]] = {}
        for seed, value in sorted(by_seed.items()):
            seeds.setdefault(value, []).append(seed)
        if len(seeds) > 1:
            told = ", ".join(f"{value} in {_seeds(some)}" for value, some in seeds.items())
            yield f"{name.removeprefix(_OWN)} {told}"


def _between(told: Mapping[str, Mapping[str, Mapping[int, str]]], seen: Mapping[str, Look]) -> Iterator[str]:
    """ "steps 600 of RQ, 300 of e-Mix and ShED", for each setting that methods which are compared do not share."""
    for name in dict.fromkeys(name for settings in told.values() for name in settings if not name.startswith(_OWN)):
        values = {method: set(settings[name].values()) for method, settings in told.items() if name in settings}
        sole = {method: next(iter(some)) for method, some in values.items() if len(some) == 1}
        apart = [pair for pair in comparisons(sole) if sole[pair[0]] != sole[pair[1]]]
        if name == "steps":  # those of mae@2x are meant to be others
            apart = [(one, other) for one, other in apart if one.partition("@")[2] == other.partition("@")[2]]
        titles: dict[str, list[str]] = {}
        for method in dict.fromkeys(method for pair in apart for method in pair):
            titles.setdefault(sole[method], []).append(seen[method].title)
        if titles:
            yield f"{name} " + ", ".join(f"{value} of {listed(some)}" for value, some in titles.items())


def _seeds(seeds: Sequence[int]) -> str:
    """ "seed 3", "seeds 3 and 5", "seeds 0 to 4 and 9"."""
    spans: list[list[int]] = []
    for seed in seeds:
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    words = [
        word
        for span in spans
        for word in ([f"{span[0]} to {span[-1]}"] if len(span) > 2 else [str(seed) for seed in span])
    ]
    return f"seed{'s' if len(seeds) > 1 else ''} {listed(words)}"


def _places(places: Mapping[str, Mapping[str, None]]) -> str:
    """ "e-Mix and RQ on watch and emoji; RQ on sentiment"."""
    by_methods: dict[tuple[str, ...], list[str]] = {}
    for data, methods in places.items():
        by_methods.setdefault(tuple(methods), []).append(data)
    return "; ".join(f"{listed(methods)} on {listed(some)}" for methods, some in by_methods.items())
