"""Settings in, result lines out: a run's encoder fine-tuned, beside the same one from scratch and the samples as such.

All three rows have the same labels, draw by draw. The encoder from scratch has the same head, order of samples, steps,
early stopping and settings, the decay of the rate from layer to layer among them: with another one, encoders that were
never trained came out behind it, by as much as the slower layers cost. With fewer than 5 labels a class there is no
validation part; then both train for all steps, and the plain row takes the middle of the seven penalties. Nothing is
chosen on the test part; it is looked at once a training, at its end.

Every draw is written down when it is finished; the same call goes on after an interruption, to the same results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

from randquant import process
from randquant.data import Dataset, is_path, open_data
from randquant.device import find_device
from randquant.encoder import Encoder, ForeignEncoder, make_encoder
from randquant.errors import UserError
from randquant.finetune.labels import Labelled, labelled
from randquant.finetune.loop import Classifier, fit, judge
from randquant.finetune.outcome import Outcome
from randquant.finetune.words import RAW, SCRATCH, sentence
from randquant.methods import PARTNERS, Chain
from randquant.pretrain.feed import check_finite
from randquant.pretrain.processes import under_torchrun
from randquant.probe import labels_of, raw
from randquant.probe.cut import Labels
from randquant.probe.features import groups_of
from randquant.probe.logistic import Logistic, logistic
from randquant.probe.score import PENALTIES, Features, choose_penalty, standardise
from randquant.probe.task import show
from randquant.probe.unseen import split_path
from randquant.quantize.draw import torch_seed
from randquant.run import Run
from randquant.settings import FinetuneSettings, PretrainSettings
from randquant.spec import Spec
from randquant.terminal import is_drawn, remark, tell


def finetune(
    settings: FinetuneSettings, dataset: Dataset | None = None, make_module: Callable[[], nn.Module] | None = None
) -> list[dict[str, Any]]:
    """Fine-tune a run's encoder with 1, 5, 20 labels a class and all, and show a table.

    Args:
        settings: everything a user may set.
        dataset: labelled samples, instead of those that `settings.data` names.
        make_module: makes a module like the user's own that the run has trained, with fresh weights from torch's
            generator; not for runs of randquant's own transformer.

    Returns:
        the result lines, draw by draw, of the methods `raw`, `scratch` and the run's own; all with the head `finetune`,
        although that of `raw` is a logistic regression, so that they stand in one column. `seconds` are those that the
        row has taken up to that draw.

    Raises:
        UserError: the run, the data or the folder does not do, or a loss stopped being a number.
    """
    try:
        return _compared(settings, dataset, make_module)
    except KeyboardInterrupt:
        if settings.out is not None and (settings.out / "results.jsonl").exists() and not settings.quiet:
            remark(f"{settings.out} holds the draws that are finished; give the same command to go on")
        raise


def _compared(
    settings: FinetuneSettings, dataset: Dataset | None, make_module: Callable[[], nn.Module] | None
) -> list[dict[str, Any]]:
    """The result lines, once the table is shown."""
    if under_torchrun():
        raise process.told_once(UserError("finetune: one process is enough; start it without torchrun"))
    find_device(settings.device, settings.precision)
    dataset = dataset or _open(settings)
    run = Run.open(settings.run)
    began = run.config["settings"]
    method, seed = str(began["method"]), int(began["seed"])
    pretrained = _trained(run, make_module)
    check(dataset, pretrained.spec)
    chain = make_chain(settings.augment, dataset.spec, began)
    outcome = Outcome(settings, run, dataset, (RAW, SCRATCH, method))
    finished = outcome.finished()

    train, test = dataset.held("train"), dataset.held("test")
    labels, test_labels = labels_of(train), labels_of(test)
    scaled, scaled_test = standardise(raw(train), raw(test))
    assert dataset.spec.target is not None
    classes = dataset.spec.target.size
    seconds = dict.fromkeys(outcome.rows, 0.0)
    found: list[dict[str, Any]] = []
    console = Console(stderr=True, quiet=settings.quiet, highlight=False, soft_wrap=True)
    for some in labelled(labels, settings.seed, settings.draws, groups_of(train)):
        where = "all labels" if some.name == "all" else f"labels a class: {some.name}, draw {some.draw + 1}"
        if lines := finished.get((some.name, some.draw)):
            found += lines
            seconds = {line["method"]: line["seconds"] for line in lines}
            console.print(f"{where}: finished before, skipped", markup=False)
            continue
        words = 0 if some.name == "all" else int(some.name), some.draw
        values = {}
        for row in outcome.rows:
            start = time.perf_counter()
            if row == RAW:
                value = float(np.mean(_read(scaled, labels, some).predict(scaled_test) == test_labels))
            else:
                if row == SCRATCH:
                    encoder = fresh(pretrained, make_module, torch_seed(settings.seed, SCRATCH, seed, *words))
                else:
                    encoder = _trained(run, make_module)
                classifier = Classifier(encoder, classes, torch_seed(settings.seed, "head", *words), chain)
                teaching, validation = (train.take(torch.from_numpy(rows)) for rows in (some.teaching, some.validation))
                looks = fit(classifier, teaching, validation, settings)
                value, _ = judge(classifier, test)
            seconds[row] += time.perf_counter() - start
            values[row] = value
        lines = outcome.lines(some, values, seconds)
        if settings.out is not None:
            if some.name == "all":
                outcome.save(classifier, looks)
            outcome.append(lines)
        found += lines
        told = ", ".join(f"{row} {100 * value:.1f}%" for row, value in values.items())
        console.print(f"{where}: {told}", markup=False)

    if not settings.quiet:
        show(found)
        (tell if is_drawn() else remark)(sentence(found, method))
    return found


def _open(settings: FinetuneSettings) -> Dataset:
    """The labelled data set: of a path, the test part is what the encoder has not seen, or else a fifth."""
    if not is_path(settings.data):
        return open_data(settings.data)
    splits = split_path(Run.open(settings.run), settings.data, settings.reading, settings.seed)
    if not settings.quiet:
        remark(splits.note if len(splits.datasets) == 1 else f"{splits.note}; here the first of these parts is tested")
    return splits.datasets[0]


def check(dataset: Dataset, spec: Spec) -> None:
    """Refuse data that an encoder of this spec cannot be fine-tuned on.

    Raises:
        UserError: it has no classes, other inputs than the encoder, values that are not finite, or one class.
    """
    dataset.check_classes("data", spec)
    for part in ("train", "test"):
        check_finite(dataset.held(part), gaps=dataset.spec.gaps)
    found = len(np.unique(labels_of(dataset.held("train"))))
    if found < 2:
        raise UserError(f"data: {dataset.name} has {found} class in its train part, needs 2 at least")


def make_chain(names: str, spec: Spec, began: dict[str, Any]) -> Chain:
    """The partners that `augment` names, as strong as the settings say with which the run began.

    Raises:
        UserError: there is no such partner, or it has no use for such samples.
    """
    if not names:
        return Chain()
    words = names.split("+")
    if any(word not in PARTNERS for word in words) or len(set(words)) < len(words):
        raise UserError(f"augment: got {names!r}, must be some of {', '.join(PARTNERS)}, each once, such as crop+rq")
    details = PretrainSettings.from_dict(began).method_details
    return sum((PARTNERS[word](spec, details) for word in words), Chain())


def fresh(encoder: Encoder, make_module: Callable[[], nn.Module] | None, seed: int) -> Encoder:
    """The same encoder with random weights."""
    if not isinstance(encoder, ForeignEncoder):
        return make_encoder(encoder.spec, encoder.settings, seed)
    assert make_module is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ForeignEncoder(make_module(), encoder.spec, width=encoder.width)


def _trained(run: Run, make_module: Callable[[], nn.Module] | None) -> Encoder:
    """The run's encoder, each time a new one."""
    return run.encoder() if make_module is None else run.encoder(make_module())


def _read(features: Features, labels: Labels, some: Labelled) -> Logistic:
    """The plain row: the probe's logistic regression, its penalty chosen on the validation part if there is one."""
    penalty = PENALTIES[len(PENALTIES) // 2]
    if len(some.validation):
        teaching, validation = some.teaching, some.validation
        penalty = choose_penalty(features[teaching], labels[teaching], features[validation], labels[validation])
    return logistic(features[some.rows], labels[some.rows], penalty)
