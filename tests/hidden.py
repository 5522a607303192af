"""A library out of sight of the tests and of the processes they start, and an environment that has it.

lightning-fabric imports torchmetrics where it is installed, only to ask for its version. randquant neither uses it nor
brings it along, the foreign libraries of the dev extra do; with transformers, which comes with it, it costs every new
process that trains 3 seconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ABSENT = str(Path(__file__).with_name("absent"))


def hide() -> None:
    """From this process, and from those that it starts."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{_ABSENT}{os.pathsep}{before}" if before else _ABSENT
    sys.path.insert(0, _ABSENT)


def everything() -> dict[str, str]:
    """The environment of a process that uses the foreign libraries themselves."""
    folders = os.environ["PYTHONPATH"].split(os.pathsep)
    kept = os.pathsep.join(one for one in folders if one != _ABSENT)
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**others, "PYTHONPATH": kept} if kept else others
