"""Labelled data in, a trained encoder, or what a linear layer and neighbours read from a frozen one, out."""

from randquant.supervise.linear import linear_probe
from randquant.supervise.score import supervised_score
from randquant.supervise.training import supervise
from randquant.supervise.vote import vote

__all__ = ["linear_probe", "supervise", "supervised_score", "vote"]
