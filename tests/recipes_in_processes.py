"""Started by torchrun, or alone: tiny recipes, one after another, on a folder of photographs; nothing is probed.

python -m torch.distributed.run --standalone --nproc_per_node 2 tests/recipes_in_processes.py DATA OUT NAME…
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import torch

from randquant.recipes import RECIPES, photographs
from randquant.settings import RecipeSettings

STEPS = 20


def run(data: Path, out: Path, name: str) -> Path:
    """The run directory of a recipe."""
    supervised = name.startswith("supervised")
    settings = RecipeSettings(
        action="run", name=name, data=str(data), out=out / name, scale="tiny", device="cpu", quiet=True,
        steps=0 if supervised else STEPS,
    )  # fmt: skip
    with mock.patch.object(photographs, "_probed", return_value={}):
        RECIPES[name](settings)
    return out / name / "run"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for recipe in sys.argv[3:]:
        run(Path(sys.argv[1]), Path(sys.argv[2]), recipe)
