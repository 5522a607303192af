"""A run in, its model card as Markdown out: what it was trained on, how, what it reached, and how to load it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from randquant.run.snippet import own_lines
from randquant.run.states import find
from randquant.run.weights import module_name
from randquant.spec import Input, Spec

if TYPE_CHECKING:
    from randquant.run.directory import Run

_NUMBERS = {  # of metrics.jsonl: how a reader knows it
    "loss": "loss",
    "accuracy": "pairs told apart",
    "feature_spread": "feature spread (0: all samples look alike)",
    "effective_rank": "directions that the features fill (effective rank)",
    "validation_accuracy": "validation part named right by its head at the last look; the best look's weights are kept",
}
_LOOKS = {  # of a line of metrics.jsonl that names a labelled set
    "knn_accuracy": "nearest neighbours on a cut of its training part",
    "linear_accuracy": "a linear head on a cut of its training part",
    "not_finite": "samples whose features are not finite",
}
_PHOTOGRAPHS = (
    "- photographs: red, green and blue from 0 to 1; the shorter side becomes 256/224 of the square that is cut out of "
    "the middle"
)


def card(run: Run, loading: str = "", inputs: Sequence[str] = (), step: int | None = None) -> str:
    """The card of a run.

    Args:
        run: with its config, its metrics and, once it is trained, its encoder.
        loading: lines of Python that load the encoder; by default those that open the run directory.
        inputs: Markdown lines on what goes in; by default the shape of each input's tensor.
        step: after which the encoder was saved; by default that of the newest state, or else of the last metrics.

    Raises:
        UserError: a file of the run is damaged.
    """
    config = run.config
    settings, spec = config["settings"], Spec.from_dict(config["spec"])
    tuned = config.get("finetune")
    labels = "with labels" if settings.get("method") == "supervised" else "without labels"
    what = f"{labels}, then fine-tuned with those of `{tuned['data']}`" if tuned else labels
    metrics = run.metrics()
    if step is None:
        step = max(find(run.path), default=int(last_values(metrics).get("step", 0)))
    planned = f" of {int(settings['steps']):,}" if "steps" in settings else ""
    done = int(settings.get("steps", 0)) if tuned else step  # the metrics are of the fine-tuning
    lines = [
        f"# {settings.get('method', 'an encoder')} on {settings.get('data', 'data')}",
        "",
        f"An encoder trained {what}. It turns a sample into a vector; nothing here says yet what that is good "
        "for: probe it on data of yours, beside a random encoder and the raw values.",
        "",
        "## What goes in",
        "",
        *(inputs or [f"- input {place}: {described(one)}" for place, one in enumerate(spec.inputs)]),
        *([_PHOTOGRAPHS] if run.takes_photographs(str(settings.get("data"))) else []),
        "",
        "## How it was trained",
        "",
        f"Method `{settings.get('method')}` on `{settings.get('data')}`, {done:,}{planned} steps of "
        f"{settings.get('batch')} samples, seed {settings.get('seed')}.",
        "",
    ]
    if tuned:
        lines += [
            f"Fine-tuned, all of it and a linear head, on `{tuned['data']}`: {step:,} of {tuned['steps']:,} steps of "
            f"at most {tuned['batch']} samples, seed {tuned['seed']}.",
            "",
        ]
    if rows := _numbers(metrics):
        lines += ["| | at step | |", "|---|---|---|"]
        lines += [f"| {words} | {at:,} | {value:.4g} |" for words, at, value in rows]
        lines += ["", "These watch the training. None is a score on a test part.", ""]
    versions = ", ".join(f"{name} {number}" for name, number in config["versions"].items())
    headed = "    logits = run.head()(features)  # [B, classes]\n" if tuned else ""
    loading = loading or (own_lines(run) or _loading(run, spec)) + headed
    lines += ["## How to load it", "", "```python", loading.strip(), "```", "", "## Versions", "", versions + "."]
    shown = {**settings, "finetune": tuned} if tuned else settings
    lines += ["", "## Settings", "", "```json", json.dumps(shown, indent=2), "```", ""]
    return "\n".join(lines)


def _numbers(metrics: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    """The newest of each number in words, its step, its value: what the training says of itself, then a set a head."""
    rows: dict[str, dict[str, tuple[str, int, float]]] = {"": {}}  # by the labelled set, by the name in metrics.jsonl
    for line in metrics:
        name = line.get("monitor", "")
        front, known = (f"`{name}`: ", _LOOKS) if name else ("", _NUMBERS)
        found = {key: (front + words, line["step"], line[key]) for key, words in known.items() if key in line}
        rows[name] = {**rows.get(name, {}), **found}
    return [of_one[key] for of_one in rows.values() for key in (*_NUMBERS, *_LOOKS) if key in of_one]


def last_values(metrics: list[dict[str, Any]]) -> dict[str, float]:
    """The newest value of every number that was logged."""
    return {
        name: float(value)
        for line in metrics
        for name, value in line.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def described(one: Input) -> str:
    """An input in a few words, with the shape and the type of its tensor."""
    shape = ", ".join(map(str, one.shape))
    if not one.channels:
        return f"`int64 [B, {shape}]`, symbols or codes"
    if not one.size:
        return f"`float32 [B, {shape}]`, a row of a table: {one.channels} numbers, then codes"
    return f"`float32 [B, {shape}]`, {one.channels} channel{'s' if one.channels > 1 else ''} on a grid"


def _loading(run: Run, spec: Spec) -> str:
    shapes = ", ".join("[B, " + ", ".join(map(str, one.shape)) + "]" for one in spec.inputs)
    own = module_name(run.path)
    made = f"(module)  # module: a {own} of yours, made like the one that was trained" if own else "()"
    return (
        "import torch\n"
        "from randquant.run import Run\n"
        f'run = Run.open("{run.path}")\n'
        f"encoder = run.encoder{made}\n"
        "with torch.inference_mode():\n"
        f"    features = encoder(inputs)  # a list of tensors {shapes}; gives [B, D]\n"
    )
