"""The form of own data in, kept in the JSON beside an export out: its scale, codes and vocabulary; and read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from randquant.data import Form
from randquant.export.measured import Measured
from randquant.run.files import read, replace_json


def keep_form(encoder: Measured, path: Path) -> list[Path]:
    """Write the form into the JSON under the name of `path`; that file, or none where there is no form."""
    if encoder.form is None:
        return []
    beside = path.with_suffix(".json")
    held = read(beside, _parsed) if beside.exists() else {"spec": encoder.spec.to_dict()}
    replace_json(beside, {**held, "form": encoder.form.to_dict()})
    return [beside]


def kept_form(path: Path) -> Form | None:
    """The form in the JSON under the name of `path`; None where there is none.

    Raises:
        UserError: the JSON is missing or damaged.
    """
    return read(
        path.with_suffix(".json"), lambda file: Form.from_dict(form) if (form := _parsed(file).get("form")) else None
    )


def _parsed(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))
