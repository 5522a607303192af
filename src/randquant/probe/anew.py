"""An encoder and samples in; the features of some of them out, encoded at every look as the benchmark's code does."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from randquant.data import Samples
from randquant.quantize.draw import torch_seed


class Anew:
    """Features of a batch, with the encoder's dropout on: other ones in each epoch.

    Args:
        encoder: any module that gives [B, D] from the inputs. Its layers of dropout alone are switched, so that what it
            normalises by stays as it was trained; it is left in the mode it was found in.
        samples: those of the training part.
        seed: names, with the epoch and the first sample of the batch, what is dropped.
        dropout: off, the features are the same in each epoch.
    """

    def __init__(self, encoder: nn.Module, samples: Samples, seed: int, *, dropout: bool = True) -> None:
        self._encoder, self._samples, self._seed, self._dropout = encoder, samples, seed, dropout

    def __call__(self, epoch: int, rows: Tensor) -> Tensor:
        """Features float32 [B, D] on the CPU, of these rows [B]."""
        device = next(self._encoder.parameters()).device
        was_training = self._encoder.training
        self._encoder.eval()
        for layer in self._encoder.modules():
            if isinstance(layer, _DropoutNd):
                layer.train(self._dropout)
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())), torch.no_grad():
                torch.manual_seed(torch_seed(self._seed, "dropout", epoch, int(rows[0])))
                features: Tensor = self._encoder(self._samples.take(rows).to(device).inputs)
        finally:
            self._encoder.train(was_training)
        return features.float().cpu()
