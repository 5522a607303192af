"""A template's name and what it shows in, the page's text out."""

from __future__ import annotations

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
    environment.filters |= {"percent": percent}
    return environment.get_template(name).render({"version": __version__, **shown})
