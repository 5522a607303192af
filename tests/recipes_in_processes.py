"""Started by torchrun, or alone: tiny recipes, one after another, on a folder of photographs; nothing is probed.

Learning rates can be a share of the recipes' own, with which twenty steps make differences of rounding much larger.
Supervised training keeps a batch normalisation in each process, as published: here it can be of a vision transformer,
which has none.

python -m torch.distributed.run --standalone --nproc_per_node 2 tests/recipes_in_processes.py DATA OUT NAME…
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch

from randquant.recipes import photographs
from randquant.recipes.imagenet import EXPERIMENTS
from randquant.recipes.moco import VIT_SMALL
from randquant.settings import RecipeSettings

STEPS = 20
RATE = 0.1


def run(data: Path, out: Path, name: str, steps: int = STEPS, rate: float = RATE, *, normed: bool = True) -> Path:
    """The run directory of a recipe.

    Args:
        data, out, name: as the command's.
        steps: of the training; a supervised one has as many as its epochs have.
        rate: the learning rate, as a share of the recipe's.
        normed: a supervised one trains the recipe's own model, not a vision transformer.
    """
    supervised = name.startswith("supervised")
    settings = RecipeSettings(
        action="run", name=name, data=str(data), out=out / name, scale="tiny", device="cpu", quiet=True,
        steps=0 if supervised else steps,
    )  # fmt: skip
    recipe = EXPERIMENTS[name]
    options = {**recipe.options, "learning_rate": rate * recipe.options["learning_rate"]}
    if not supervised:
        options["log_every"] = 1
    elif not normed:
        options["encoder"] = VIT_SMALL
    with mock.patch.object(photographs, "_probed", return_value={}):
        photographs.run_experiment(replace(recipe, options=options), settings)
    return out / name / "run"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in sys.argv[3:]:
        run(Path(sys.argv[1]), Path(sys.argv[2]), each, normed=False)
