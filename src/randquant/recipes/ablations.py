"""Settings in, the page of an ablation out: one property of randomized quantization at a time, all else equal."""

from __future__ import annotations

from pathlib import Path

from randquant.recipes.ablation import Ablation, run_ablation
from randquant.settings import RecipeSettings

_PICTURES, _SENSOR = "emoji_category", "watch"  # colours, and six axes of a watch whose ranges are not equal


def channelwise(settings: RecipeSettings) -> Path:
    """Should each channel have bins of its own, or should all channels of a sample share one set?

    Command:  randquant recipe run ablation-channelwise
    Data:     emoji_category (colour pictures), watch (six axes of unequal range); inputs of one channel are refused,
              since there the two are the same
    Hardware: a CPU will do
    Expected: no figure of our own yet. The paper has 67.9 for bins of each channel and 64.3 for shared ones (ImageNet,
              ResNet-50), which are other data, another encoder and another length of training
    """
    variants = {"each channel": {"per": "channel"}, "shared": {"per": "sample"}}
    return run_ablation(
        Ablation("ablation-channelwise", "bins of", variants, (_PICTURES, _SENSOR), fewest_channels=2), settings
    )


def edges(settings: RecipeSettings) -> Path:
    """Should the edges of the bins be random, or in equal steps?

    Command:  randquant recipe run ablation-edges
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: no figure of our own yet
    """
    variants = {"random": {"edges": "random"}, "equal steps": {"edges": "uniform"}}
    return run_ablation(Ablation("ablation-edges", "edges", variants, (_PICTURES, _SENSOR, "fashion_mnist")), settings)


def values(settings: RecipeSettings) -> Path:
    """Should a bin's value be a random one of its range, or the middle?

    Command:  randquant recipe run ablation-values
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: no figure of our own yet
    """
    variants = {"random": {"values": "random"}, "middle": {"values": "midpoint"}}
    return run_ablation(
        Ablation("ablation-values", "values", variants, (_PICTURES, _SENSOR, "fashion_mnist")), settings
    )


def bins(settings: RecipeSettings) -> Path:
    """How many bins?

    Command:  randquant recipe run ablation-bins
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: no figure of our own yet. The paper's number is 8 for pictures
    """
    variants = {str(count): {"bins": count} for count in (2, 4, 8, 16, 32, 64)}
    return run_ablation(Ablation("ablation-bins", "bins", variants, (_PICTURES, _SENSOR, "fashion_mnist")), settings)
