"""A name in, an experiment out: what it is, what it takes, what to expect of it, and its run.

A recipe is a function of the settings; its docstring says what is asked, the command, the hardware, the time and the
expected number, and `randquant recipe show` prints it. Each stands in one visible line below.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from pathlib import Path

from randquant.errors import UserError
from randquant.recipes import ablations, evidence
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.recipes.photographs import runner
from randquant.settings import RecipeSettings
from randquant.terminal import say, write_table

Recipe = Callable[[RecipeSettings], Path]

RECIPES: dict[str, Recipe] = {
    "ablation-channelwise": ablations.channelwise,
    "ablation-edges": ablations.edges,
    "ablation-values": ablations.values,
    "ablation-bins": ablations.bins,
    "evidence-views": evidence.views,
    "evidence-supervised": evidence.supervised,
    **{name: runner(one) for name, one in EXPERIMENTS.items()},
}

__all__ = ["RECIPES", "Recipe", "recipe"]


def recipe(settings: RecipeSettings) -> None:
    """Do what `settings.action` says.

    Raises:
        UserError: there is no such recipe, or it cannot be run as it is asked to.
        SystemExit: with 1, at the end, if a cell failed.
    """
    if settings.action == "list":
        write_table(("recipe", "what it asks"), [[name, told(name)[0]] for name in RECIPES], text_columns=2)
        return
    if settings.name not in RECIPES:
        near = "".join(f"; did you mean {match}?" for match in difflib.get_close_matches(settings.name, RECIPES, n=1))
        raise UserError(f"name: {settings.name!r} is no recipe{near} (randquant recipe list)")
    if settings.action == "show":
        for line in told(settings.name):
            say(line)
        return
    if settings.name not in EXPERIMENTS:
        _check_own_data(settings)
    page = RECIPES[settings.name](settings)
    say(f"page: {page}")


def _check_own_data(settings: RecipeSettings) -> None:
    """Refuse what the recipes on photographs alone take."""
    given = {"data": settings.data, "weights": settings.weights, "scale": settings.scale != "full"}
    for name, one in given.items():
        if one:
            raise UserError(f"{name}: {settings.name} takes none; it has data and trainings of its own")


def told(name: str) -> list[str]:
    """The lines of a recipe's docstring; the first says what it asks."""
    return inspect.cleandoc(RECIPES[name].__doc__ or "").splitlines()
