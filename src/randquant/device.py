"""The name of a device in, a device that torch has out."""

from __future__ import annotations

import torch

from randquant.errors import UserError


def resolved(name: str) -> str:
    """The device that a setting means here: "auto" is cuda where there is a GPU, and cpu elsewhere."""
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def find_device(name: str, precision: str = "32") -> torch.device:
    """The device that a setting names; "auto" takes a GPU where there is one.

    Args:
        name: as the setting has it.
        precision: of what is to be trained there.

    Raises:
        UserError: there is no such device here, or it does not have that precision.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: got cuda, but torch finds no GPU here; use auto or cpu")
    device = torch.device(resolved(name))
    if (device.type, precision) == ("cpu", "16"):
        raise UserError("precision: got 16 on the CPU, must be 32 or bf16 there")
    return device
