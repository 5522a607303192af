"""Settings in, the page of an ablation out: one property of randomized quantization at a time, all else equal."""

from __future__ import annotations

from pathlib import Path

from randquant.recipes.ablation import Ablation, run_ablation
from randquant.settings import RecipeSettings

_COLOURED = ("emoji_category", "watch")  # pictures in colour, and six axes of a watch whose ranges are not equal
_ALL = (*_COLOURED, "fashion_mnist")

CHANNELWISE = Ablation(
    "ablation-channelwise",
    "scope of the bins",
    {"each channel": {"per": "channel"}, "shared": {"per": "sample"}},
    _COLOURED,
    fewest_channels=2,
)
EDGES = Ablation("ablation-edges", "edges", {"random": {"edges": "random"}, "equal steps": {"edges": "uniform"}}, _ALL)
VALUES = Ablation("ablation-values", "values", {"random": {"values": "random"}, "middle": {"values": "midpoint"}}, _ALL)
BINS = Ablation("ablation-bins", "bins", {str(count): {"bins": count} for count in (2, 4, 8, 16, 32, 64)}, _ALL)


def channelwise(settings: RecipeSettings) -> Path:
    """Should each channel have bins of its own, or should all channels of a sample share one set?

    Command:  randquant recipe run ablation-channelwise
    Data:     emoji_category (colour pictures), watch (six axes of unequal range); inputs of one channel are refused,
              since there the two are the same
    Hardware: a CPU will do
    Expected: nothing decided in 300 steps and five seeds, docs/results/ablation-channelwise: shared bins less bins of
              each channel are +1.0 points [-3.4, 5.5] by neighbours on emoji_category, -7.5 [-20.8, 5.7] on watch. The
              paper has 67.9 for bins of each channel and 64.3 for shared ones (ImageNet, ResNet-50), which are other
              data, another encoder and another length of training
    """
    return run_ablation(CHANNELWISE, settings)


def edges(settings: RecipeSettings) -> Path:
    """Should the edges of the bins be random, or in equal steps?

    Command:  randquant recipe run ablation-edges
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: random, in 300 steps and five seeds, docs/results/ablation-edges: equal steps less random edges are -4.2
              points [-6.8, -1.6] by neighbours and -2.6 [-3.9, -1.4] by the linear head on fashion_mnist; on the other
              two they are behind in every mean, and nothing is decided
    """
    return run_ablation(EDGES, settings)


def values(settings: RecipeSettings) -> Path:
    """Should a bin's value be a random one of its range, or the middle?

    Command:  randquant recipe run ablation-values
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: nothing decided in 300 steps and five seeds, docs/results/ablation-values: the middle less a random value
              is -2.1 points [-5.9, 1.7] by neighbours on emoji_category, -2.6 [-8.2, 3.0] on watch and -0.5 [-2.1, 1.0]
              on fashion_mnist
    """
    return run_ablation(VALUES, settings)


def bins(settings: RecipeSettings) -> Path:
    """How many bins?

    Command:  randquant recipe run ablation-bins
    Data:     emoji_category, watch, fashion_mnist
    Hardware: a CPU will do
    Expected: 4 and 8 ahead of 2 by neighbours, in 300 steps and five seeds on fashion_mnist alone,
              docs/results/ablation-bins: by 6.3 points [3.9, 8.7] and 5.6 [1.7, 9.4]; 8 ahead of 32 by 3.5 [1.4,
              5.5] and, by the linear head, 2.7 [1.9, 3.5]. The paper's number is 8 for pictures
    """
    return run_ablation(BINS, settings)
