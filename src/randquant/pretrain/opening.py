"""Settings in, the data set that is trained on out, with the settings that follow from it."""

from __future__ import annotations

from dataclasses import replace

from randquant import world
from randquant.data import Dataset, Form, is_path, open_data
from randquant.data.own.open import BATCH
from randquant.data.own.samples import digests
from randquant.data.photographs import SIDE, Photographs, are_photographs, open_photographs
from randquant.run import Run
from randquant.settings import LARGER, SMALLER, PretrainSettings

LARGE = 20_000  # samples from which a path gets the larger encoder


def open_training(settings: PretrainSettings) -> Dataset:
    """The data set that `settings.data` names. A run that goes on reads its path as it did.

    A folder of photographs is read for a vision backbone as by `supervise` and the recipes, decoded and cut in workers.

    Raises:
        UserError: it is not there, or cannot be read as samples; or a new run's directory holds one already.
    """
    if not settings.resume and world.rank() == 0:  # which makes the run, once all have opened their data
        Run(settings.out).check_new()
    others = settings.holdout or settings.reading.given().keys() - {"length"}
    plain = settings.encoder.backbone and not others and is_path(settings.data)
    if plain and are_photographs(settings.data):
        found = open_photographs(settings.data, side=settings.reading.length or SIDE)
        return replace(found, batch=max(2, min(found.batch, len(found.parts["train"].ids) // 4)))
    form = None
    if settings.resume and is_path(settings.data) and (facts := Run.open(settings.out).data):
        form = Form.from_dict(facts["form"])
    return open_data(
        settings.data,
        faithful=settings.dabs_faithful,
        form=form,
        labelled=False,
        holdout=settings.holdout,
        seed=settings.seed,
        **settings.reading.choices(),
    )


def fitted(settings: PretrainSettings, dataset: Dataset) -> tuple[PretrainSettings, list[str]]:
    """The settings with what follows from the data, and what was inferred in plain words, a line each."""
    asked = settings
    settings = replace(asked, batch=asked.batch or dataset.batch, encoder=asked.encoder.filled())
    if isinstance(samples := dataset.parts.get("train"), Photographs):
        classes = f" in {len(dataset.classes)} folders" if dataset.classes else ""
        return settings, [
            f"photographs: {len(samples.ids):,}{classes}, cut to squares of {samples.side} pixels (--length sets it)",
            f"batch: {settings.batch} samples (--batch sets it)",
        ]
    if dataset.own is None:
        return settings, []
    count = len(dataset.parts["train"].ids)
    why = "given"
    if not asked.batch:
        why = f"{'the usual number' if dataset.batch == BATCH else f'at most a quarter of {count:,}'}; --batch sets it"
    notes = [*dataset.own.notes, f"batch: {settings.batch} samples ({why})"]
    if not asked.encoder.backbone:
        sizes = asked.encoder.filled(LARGER if count >= LARGE else SMALLER)
        settings = replace(settings, encoder=sizes)
        free = [f"--{one}" for one in ("width", "depth") if not getattr(asked.encoder, one)]
        width, depth = ("" if f"--{one}" in free else " (given)" for one in ("width", "depth"))
        told = f"{' and '.join(free)} set{'s' * (len(free) < 2)} it"
        why = f" ({'at least' if count >= LARGE else 'fewer than'} {LARGE:,} samples; {told})" if free else ""
        notes.append(f"encoder: width {sizes.width}{width}, {sizes.depth} blocks{depth}{why}")
    if settings.method_details.at == "input" and not any(one.channels for one in dataset.spec.inputs):
        settings = replace(settings, method_details=replace(settings.method_details, at="embeddings"))
        if "rq" in settings.method.split("+"):
            notes.append("method: what rq quantizes are the embeddings, since symbols have no values (--at)")
    return settings, notes


def remember(run: Run, dataset: Dataset) -> None:
    """Write down which samples of a path were trained on, by what they hold."""
    if dataset.own is not None:
        run.save_seen(digests(dataset.parts["train"]))
