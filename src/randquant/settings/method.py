"""What methods and their partners may be told."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields

from randquant.errors import UserError
from randquant.settings.choices import (
    BinValues,
    Edges,
    Gradient,
    HeadsFor,
    MixtureWeights,
    Place,
    Scope,
    Views,
    check_bins,
    check_choices,
    check_least,
)
from randquant.settings.picture import PictureSettings


@dataclass(frozen=True, kw_only=True)
class MethodSettings(PictureSettings):
    """What the self-supervised methods and their partners may be told; what a method does not read, it refuses."""

    bins: int = 8
    """Bins of randomized quantization; uniform has as many, and noise the error of as many."""
    edges: Edges = "random"
    """Where rq puts the bins' edges: at random, or in equal steps, which is what the partner uniform does; quantile: at
    random among a channel's values instead of in its range, which a few far values cannot disturb."""
    values: BinValues = "random"
    """What rq makes of the values of a bin: one at random from the bin, or its middle."""
    per: Scope = "channel"
    """Whether each channel of a sample has bins of its own, or all of them share the sample's."""
    at: Place = "input"
    """What rq quantizes: the input, its embeddings, or both; embeddings are those of randquant's own transformer."""
    quantized_views: Views = "both"
    """Whether rq makes both views of a sample, or one: then the other goes without it."""
    gradient: Gradient = "range"
    """What passes through a quantized embedding: the gradient of its channel's range, all of it, or none."""
    crop_smallest: float = 0.5
    """crop: the smallest share of a grid's side that is kept."""
    shift_largest: float = 0.25
    """shift: the largest share of a grid's side by which it is moved round."""
    mask_share: float = 0.5
    """mask: the share of a sample's embeddings that are set to 0."""
    corrupted: float = 0.15
    """shed, mae and capri: the share of a sample's embeddings that are moved or set to 0."""
    mixture_weights: MixtureWeights = "sample"
    """emix: weight each sample's loss by its own share, or by the mean over the batch, as the DABS benchmark's code."""
    temperature: float = 0.2
    """Temperature of the contrastive losses; the ImageNet recipes have 1 for mocov3 and 0.1 for simclr."""
    projection: int = 128
    """Width of the projection head's output; the ImageNet recipe of mocov3 and byol has 256."""
    hidden: int = 512
    """Hidden width of the heads of mocov3, byol, simsiam and simclr; the ImageNet recipes have 2048 or 4096."""
    heads_for: HeadsFor = "resnet"
    """The heads of mocov3 as published for ResNets, or for vision transformers: a projector of three layers, not two,
    and a predictor that a normalisation follows."""
    momentum: float = 0.99
    """mocov3 and byol: how much of the momentum encoder a step keeps at first; it rises to 1 as half a cosine."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices(self)
        check_bins(self.bins)
        for name in ("projection", "hidden"):
            check_least(name, getattr(self, name), 1)
        for name in ("crop_smallest", "shift_largest"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and at most 1")
        for name in ("mask_share", "corrupted"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{name}: got {getattr(self, name)}, must be above 0 and below 1")
        if (self.edges, self.values, self.quantized_views) == ("uniform", "midpoint", "both"):
            raise UserError(
                "values: got midpoint with edges uniform, where nothing is random, so that both views of a sample are "
                "the same; let edges or values be random, or set quantized_views to one"
            )
        if not 0 <= self.momentum <= 1:
            raise UserError(f"momentum: got {self.momentum}, must be at least 0 and at most 1")
        if not 0 < self.temperature < math.inf:
            raise UserError(f"temperature: got {self.temperature}, must be above 0 and finite")

    def changed(self, usual: MethodSettings) -> list[str]:
        """The names of the fields that are other than usual."""
        return [one.name for one in fields(self) if getattr(self, one.name) != getattr(usual, one.name)]

    def only(self, names: Collection[str]) -> MethodSettings:
        """The same with these fields alone; others are as usual."""
        return MethodSettings(**{name: getattr(self, name) for name in names})
