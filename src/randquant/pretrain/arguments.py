"""What a caller from Python gives in, one line out where it is nothing that can be trained on or with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path

from torch import nn

from randquant.data import Dataset
from randquant.errors import UserError
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings, ReadingSettings

_INSIDE = {"method_details": MethodSettings, "encoder": EncoderSettings, "reading": ReadingSettings}


def check_arguments(data: object, encoder: object, monitors: object, options: Mapping[str, object]) -> None:
    """Refuse what `pretrain` cannot take.

    Args:
        data: what is to be trained on.
        encoder: what is to be trained.
        monitors: what the encoder is to be tried on.
        options: the fields of `PretrainSettings` by their names.

    Raises:
        UserError: data are neither named nor a `Dataset`, the encoder is neither a module nor sizes, monitors are no
            list, or there is no such option.
    """
    if not isinstance(data, str | Path | Dataset):
        raise UserError(
            f"data: got {_kind(data)}, must be a name of the catalogue, a path, or a randquant.data.Dataset of samples"
        )
    if not isinstance(encoder, nn.Module | EncoderSettings | None):
        word = repr(encoder) if isinstance(encoder, str) else _kind(encoder)
        raise UserError(f"encoder: got {word}, must be a module of your own, or randquant.settings.EncoderSettings")
    if isinstance(monitors, str | Path | Dataset):
        word = repr(monitors) if isinstance(monitors, str) else _kind(monitors)
        raise UserError(f"monitors: got {word}, must be a list of data sets or their names, such as ['digits']")
    known = [one.name for one in fields(PretrainSettings)]
    for name, value in options.items():
        if name in known:
            continue
        for holder, kind in _INSIDE.items():
            if name in (one.name for one in fields(kind)):
                raise UserError(f"{name}: got {value!r}, must be inside {holder}={kind.__name__}({name}={value!r})")
        near = "".join(f"; did you mean {match}?" for match in get_close_matches(name, known, n=1))
        raise UserError(f"{name}: got {value!r}, but pretrain has no such option{near}")


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
