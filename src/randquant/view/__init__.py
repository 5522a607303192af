"""A run directory in, one page out: curves, a map of the features, neighbours, few labels, settings, model card."""

from randquant.view.command import view

__all__ = ["view"]
