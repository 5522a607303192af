"""The name of a published experiment in, the experiment out: settings, hardware, the figure to expect."""

from randquant.recipes.imagenet import RECIPES
from randquant.recipes.recipe import Recipe

__all__ = ["RECIPES", "Recipe"]
