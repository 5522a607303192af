"""The name of a device in, a device that torch has out."""

from __future__ import annotations

import torch

from randquant.errors import UserError


def find_device(name: str) -> torch.device:
    """The device that a setting names; "auto" takes a GPU where there is one.

    Raises:
        UserError: there is no such device here.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: got cuda, but torch finds no GPU here; use auto or cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
