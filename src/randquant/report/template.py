"""A template's name and what it shows in, the page's text out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from randquant import __version__
from randquant.report.findings import percent


def fill(name: str, /, **shown: Any) -> str:
    """The template `name` of the folder `page`, filled; what stands in an HTML page is escaped."""
    environment = Environment(
        loader=PackageLoader("randquant.report", "page"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "sheets": sheets}
    return environment.get_template(name).render({"version": __version__, **shown})


def sheets(columns: Iterable[Any], most: int) -> list[tuple[str, list[Any]]]:
    """The tables that show some columns, each with where it is shown: all on a screen, at most so many on paper."""
    every = list(columns)
    if len(every) <= most:
        return [("", every)]
    count = -(-len(every) // most)
    cuts = [len(every) * number // count for number in range(count + 1)]
    return [("onscreen", every), *(("onpaper", every[start:end]) for start, end in pairwise(cuts))]
