"""A trained encoder and samples in, their embeddings out: in a file, or as an estimator of scikit-learn's manners."""

from randquant.embed.command import embed
from randquant.embed.estimator import Embedder

__all__ = ["Embedder", "embed"]
