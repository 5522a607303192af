"""Every setting of a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """Write the page of a folder of results again."""

    folder: Positional[Path]
    """What quickstart, bench or an ablation left: a folder with a results.jsonl."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """The page; by default report.html in the folder."""
