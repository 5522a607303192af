"""A folder of results in, one self-contained HTML page and its Markdown sibling out. Nothing else is read."""

from __future__ import annotations

from pathlib import Path

from randquant.errors import UserError
from randquant.report import page
from randquant.report.files import write_whole
from randquant.report.results import read
from randquant.settings import ReportSettings
from randquant.terminal import say

__all__ = ["write", "read", "report"]


def write(folder: Path, out: Path) -> Path:
    """Write the report of a folder.

    Args:
        folder: what `randquant quickstart` left: results.jsonl, and where they are there runs/, maps.json, views.json.
        out: the HTML page; its Markdown sibling has the same name and ends in .md.

    Returns:
        The path of the page.

    Raises:
        UserError: the folder has no results, or the page cannot be written.
    """
    folder, out = Path(folder), Path(out)
    shown = page.collect(folder, read(folder / "results.jsonl"))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out.with_suffix(".md"), page.markdown(shown))
        write_whole(out, page.html(shown))
    except OSError as error:
        raise UserError(
            f"out: cannot write {out} ({error.strerror}); give a file in a folder you may write to"
        ) from error
    return out


def report(settings: ReportSettings) -> Path:
    """Write the page of a folder again, and say where it is."""
    path = write(settings.folder, settings.out or settings.folder / "report.html")
    say(f"report: {path}")
    return path
