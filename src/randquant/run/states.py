"""A folder and the state of a training in, a file out from which the training goes on; and back.

A state is a zip file as `torch.save` writes it, of tensors and plain values only: `format`, the `version` of randquant
that wrote it, and the `state` itself. The newest few are kept, so that a damaged one costs some steps, not the run.
"""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from randquant import __version__
from randquant.errors import UserError
from randquant.run.files import UNREADABLE, flush_folder, replace, writing
from randquant.run.fit import misfit

FORMAT = 1
_log = logging.getLogger(__name__)


def find(folder: Path) -> dict[int, Path]:
    """The states in a folder by their step, the newest first."""
    names = ((path, re.fullmatch(r"state-(\d{9,})\.pt", path.name)) for path in folder.glob("state-*.pt"))
    return dict(sorted(((int(found[1]), path) for path, found in names if found), reverse=True))


def save(folder: Path, state: dict[str, Any], step: int, keep: int) -> None:
    """Write the state after a step, then delete all but the newest `keep` up to that step.

    States of later steps go too: the training went on from before them, since they could not be read. So does what a
    killed process left half written.

    Raises:
        UserError: the folder cannot be written, or the disk is full; all older states are there still.
    """
    whole = {"format": FORMAT, "version": __version__, "state": state}
    replace(folder / f"state-{step:09}.pt", lambda file: torch.save(whole, file))
    states = find(folder)
    kept = [one for one in states if one <= step][:keep]
    with writing(folder):
        for path in (*(states[one] for one in states.keys() - kept), *folder.glob("state-*.pt.part")):
            path.unlink()
        flush_folder(folder)


def restore(folder: Path, parts: dict[str, Any], values: Sequence[str]) -> list[Any]:
    """Fill parts (modules, optimizers) from the newest state that can be read, and return the values of those names.

    Raises:
        UserError: no state can be read; or the newest that can is whole and does not fit the parts, which are others
            than those that were saved, or was written by another version of randquant.
    """
    states = list(find(folder).values())
    if not states:
        raise UserError(f"run: {folder} holds no state to go on from; start anew in another folder")
    for path, before in zip(states, [*states[1:], None], strict=True):
        try:
            state = _read(path)
            found = [state[name] for name in values]
            filled = {name: state[name] for name in parts}
            for name, part in parts.items():
                _fill(part, filled[name], f"run: {path} does not fit the {name}")
            return found
        except UserError:
            raise
        except UNREADABLE as error:
            if before is None:
                raise UserError(
                    f"run: {path} cannot be read ({type(error).__name__}), and there is no older state to go back to; "
                    "start anew in another folder"
                ) from error
            _log.warning(
                f"{path.name} cannot be read ({type(error).__name__}), so the training goes back to {before.name}"
            )
    raise AssertionError("the last state returns or raises")


def _fill(part: Any, state: dict[str, Any], misfits: str) -> None:
    """Load a part's state, which was read whole: where it does not fit, the part is another one.

    Raises:
        UserError: it does not; the text begins with `misfits`.
    """
    told = misfit(state, part.state_dict()) if isinstance(part, nn.Module) else None
    try:
        if told is None:
            part.load_state_dict(state)
    except ValueError as error:  # an optimizer, of other parameters
        told = str(error)
    if told is not None:
        raise UserError(f"{misfits}: {told}; go on with what the run was started with")


def check_version(made_by: str, path: Path) -> None:
    """Refuse what a version of randquant wrote that differs in more than its last number.

    Raises:
        UserError: it does.
    """
    if made_by.split(".")[:2] != __version__.split(".")[:2]:
        raise UserError(
            f"run: {path} was made by randquant {made_by}, and this is {__version__}; continue it with that version, "
            "or start anew in another folder"
        )


def _read(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        if broken := archive.testzip():  # torch itself does not compare the sums
            raise zipfile.BadZipFile(broken)
    whole = torch.load(path, map_location="cpu", weights_only=True)
    if whole["format"] != FORMAT:
        raise UserError(
            f"run: {path} has format {whole['format']} of randquant {whole['version']}, and this is format {FORMAT} of "
            f"{__version__}; continue it with that version, or start anew in another folder"
        )
    check_version(whole["version"], path)
    state: dict[str, Any] = whole["state"]
    return state
