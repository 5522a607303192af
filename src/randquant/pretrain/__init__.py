"""Settings in, a run directory with a trained encoder out: self-supervised training."""

from randquant.pretrain.loop import pretrain, train

__all__ = ["pretrain", "train"]
