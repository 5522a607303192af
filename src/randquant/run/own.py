"""A run and a name in, a data set that its encoder understands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from randquant.data import Dataset, Form, is_path, open_data
from randquant.data.photographs import held_if_few, open_photographs
from randquant.errors import UserError
from randquant.run.directory import Run
from randquant.settings import ReadingSettings
from randquant.spec import Spec


def open_for(run: Run, name: str, reading: ReadingSettings | None = None, *, labelled: bool = True) -> Dataset:
    """A data set for a run: a path is read as the run's own was, scaled by its scale and spelled in its vocabulary.

    Photographs become squares of the side that the run's vision backbone was trained on.

    Args:
        run: the run.
        name: of the catalogue, or a path.
        reading: how a path is read where that is not as the run's own was; labels and groups that are not named are
            those of the path that it was fine-tuned on, or else of the run's own.
        labelled: whether samples have their labels, so that those without one are left out; otherwise no column of
            labels or groups has to be there.

    Raises:
        UserError: the run was trained on no path, and this is one; or it cannot be read that way.
    """
    reading = reading or ReadingSettings()
    if not is_path(name):
        return open_data(name, **reading.choices())
    facts = run.data
    if run.takes_photographs(name):
        return _photographs(run, name, reading)
    if facts is None:
        raise UserError(
            f"data: {run.path} was trained on a data set of the catalogue, so it cannot tell how to read {name}"
        )
    facts = {**facts, **facts.get("labelled", {})}
    return _read(run, facts, name, reading, ("label", "group") if labelled else (), labelled=labelled)


def open_own(run: Run, reading: ReadingSettings | None = None) -> Dataset:
    """What a run was trained on, with its labels; what was held out of a path is the part "test", as it was then.

    Args:
        run: the run.
        reading: how it is read where that is not as it was.

    Raises:
        UserError: it is not there any more, or cannot be read that way.
    """
    reading = reading or ReadingSettings()
    facts = run.data
    if facts is None:
        name = str(run.config["settings"]["data"])
        return _photographs(run, name, reading) if run.takes_photographs(name) else open_data(name, **reading.choices())
    if facts["path"] is None:
        raise UserError(f"data: {run.path} was trained on samples in memory; name a path that holds some")
    split = {name: facts.get(name, 0) for name in ("holdout", "seed")}
    return _read(run, facts, facts["path"], reading, tuple(reading.choices()), **split)


def _read(
    run: Run, facts: dict[str, Any], path: str, reading: ReadingSettings, kept: Sequence[str], **choices: Any
) -> Dataset:
    """A path by the form of the run's own; of how it was read, what is kept is as it was unless it is given."""
    for fixed in ("patch", "length"):
        if given := getattr(reading, fixed):
            raise UserError(f"{fixed}: got {given}, but that of {run.path} is part of its encoder; leave it out")
    began = {name: value for name, value in facts.get("reading", {}).items() if name in kept}
    read = ReadingSettings.from_dict({**began, **reading.given()})
    return open_data(path, form=Form.from_dict(facts["form"]), **choices, **read.choices())


def _photographs(run: Run, name: str, reading: ReadingSettings) -> Dataset:
    """A folder of photographs, cut to squares of the run's side; in memory where they are few."""
    for choice, value in reading.given().items():
        raise UserError(f"{choice}: got {value}, but {name} is read as photographs, a folder a class; leave it out")
    side = Spec.from_dict(run.config["spec"]).inputs[0].shape[-1]
    return held_if_few(open_photographs(name, side=side))
