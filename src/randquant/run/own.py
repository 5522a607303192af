"""A run and a name in, a data set that its encoder understands out."""

from __future__ import annotations

from typing import Any

from randquant.data import Dataset, Form, is_path, open_data
from randquant.data.photographs import are_photographs, held_if_few, open_photographs
from randquant.errors import UserError
from randquant.run.directory import Run
from randquant.spec import Spec


def open_for(run: Run, name: str, **choices: Any) -> Dataset:
    """A data set for a run: a path is read as the run's own was, scaled by its scale and spelled in its vocabulary.

    Photographs become squares of the side that the run's vision backbone was trained on.

    Args:
        run: the run.
        name: of the catalogue, or a path.
        choices: as `open_path` takes them, such as `label`.

    Raises:
        UserError: the run was trained on no path, and this is one; or it cannot be read that way.
    """
    if not is_path(name):
        return open_data(name)
    facts = run.data
    if facts is None and run.config["settings"].get("encoder", {}).get("backbone") and are_photographs(name):
        return _photographs(run, name, choices)
    if facts is None:
        raise UserError(
            f"data: {run.path} was trained on a data set of the catalogue, so it cannot tell how to read {name}"
        )
    return open_data(name, form=Form.from_dict(facts["form"]), **choices)


def _photographs(run: Run, name: str, choices: dict[str, Any]) -> Dataset:
    """A folder of photographs, cut to squares of the run's side; in memory where they are few."""
    for choice in ("label", "group"):
        if choices.get(choice):
            raise UserError(f"{choice}: got {choices[choice]}, but {name} is a folder of photographs, a folder a class")
    side = Spec.from_dict(run.config["spec"]).inputs[0].shape[-1]
    return held_if_few(open_photographs(name, side=side))
