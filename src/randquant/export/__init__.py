"""A run in, its encoder as a file for use elsewhere out, with a model card beside it; nothing is said done untried."""

from randquant.export.command import FORMATS, export
from randquant.export.plain import load

__all__ = ["export", "load", "FORMATS"]
