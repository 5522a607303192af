"""recipes at tiny size: they learn what shape a picture's parts have, and say that they are above a random encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asked import some
from folders import parts
from randquant.recipes import RECIPES
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.settings import RecipeSettings

LEAST = 0.1  # by which the linear head must be above the random encoder's
PATHS = {"mocov3-rq-100": 250, "supervised-rq": 0}  # steps; 0 for a tiny run's own: LARS, and the other loop
STEPS = {  # after which they are there; the others take all of a tiny run's own
    **dict.fromkeys(
        (
            "mocov3-100", "mocov3-full-rq-100", "mocov3-crop-rq-100", "byol-crop-rq-100", "simclr-100",
            "simclr-crop-rq-100", "simsiam-crop-rq-100",
        ),
        500,
    ),
    **dict.fromkeys(
        (
            "mocov3-300", "mocov3-1000", "mocov3-crop-rq-300", "mocov3-crop-rq-800", "simclr-full-rq-100",
        ),
        1000,
    ),
    "simsiam-100": 3000,  # after the 2,000 of its own it is there on some processors and not yet on others
}  # fmt: skip
GREY = ("cifar10-crop",)  # where grounds differ in colour, two crops alone share that before they share a shape
OTHERS = tuple(name for name, one in EXPERIMENTS.items() if one.kind != "verify" and name not in PATHS)


def check(name: str, folder: Path, steps: int = 0) -> None:
    """Run a recipe as the command line does, and read its page and its results."""
    data = parts(folder / "data", grey=name in GREY)
    page = RECIPES[name](
        RecipeSettings(
            action="run", name=name, data=str(data), out=folder / "out", scale="tiny", steps=steps, device="cpu",
            quiet=True,
        )
    )  # fmt: skip
    told = page.read_text()
    lines = [json.loads(line) for line in (page.parent / "results.jsonl").read_text().splitlines()]
    values = {(line["method"] == "none", line["metric"]): line["value"] for line in lines}
    assert " in points, by one seed: above by the linear probe, +" in told, told
    assert values[False, "linear_accuracy"] >= values[True, "linear_accuracy"] + LEAST, told


@pytest.mark.parametrize("name", PATHS)
def test_a_tiny_recipe_is_above_a_random_encoder(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, PATHS[name])


@pytest.mark.soak
@pytest.mark.parametrize("name", some(OTHERS))
def test_every_tiny_recipe_is_above_a_random_encoder(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, STEPS.get(name, 0))
