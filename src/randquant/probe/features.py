"""A name or a run directory, and samples, in; their features out, each sample encoded once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from randquant.data import Batch, Dataset, Samples
from randquant.data.reading import Reader, end_with_reader, plainly, worker_processes
from randquant.device import find_device
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.methods import UNTRAINED
from randquant.probe.metrics import Targets
from randquant.run import Run
from randquant.settings import EncoderSettings, ProbeSettings
from randquant.spec import TargetKind

RAW = "raw"  # the samples themselves
RANDOM = "random"  # an encoder that nothing has trained


def extract(encoder: nn.Module, samples: Samples, rows: int = 0, *, workers: int = 0) -> NDArray[np.float32]:
    """Features [N, D] of every sample, from the encoder as it is used: no dropout, no gradient.

    Args:
        encoder: any module that gives [B, D] from the inputs. It is left in the mode it was found in.
        samples: in memory or in files; they go to the encoder's device `rows` at a time.
        rows: 0 takes 1,024 from memory and 128 from files.
        workers: processes that read from files; 0 reads in this one.
    """
    device = next(encoder.parameters()).device
    rows = rows or (1024 if isinstance(samples, Batch) else 128)
    was_training = encoder.training
    encoder.eval()
    try:
        with torch.inference_mode():
            parts = [encoder(some.to(device).inputs).float().cpu() for some in _read(samples, rows, workers)]
    finally:
        encoder.train(was_training)
    features: NDArray[np.float32] = torch.cat(parts).numpy()
    return features


def _read(samples: Samples, rows: int, workers: int) -> Iterable[Batch]:
    """All samples in order, so many at a time."""
    order = torch.split(torch.arange(len(samples.ids)), rows)
    if not workers or isinstance(samples, Batch):
        return (samples.take(some) for some in order)
    loader: DataLoader[Batch | UserError] = DataLoader(
        Reader(samples),
        sampler=order,
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=worker_processes(),
        worker_init_fn=end_with_reader,
        generator=torch.Generator(),
    )
    return plainly(loader)


def raw(batch: Batch) -> NDArray[np.float32]:
    """The plain features [N, D]: all values of a sample in a row, as they are, 0 where there is none."""
    values = torch.cat([values.flatten(1).float() for values in batch.inputs], dim=1)
    features: NDArray[np.float32] = values.masked_fill(values.isnan(), 0).numpy()
    return features


def labels_of(samples: Samples) -> NDArray[np.int64]:
    """The class of every labelled sample: [N]."""
    assert samples.target is not None
    return samples.target.numpy().astype(np.int64)


def groups_of(samples: Samples) -> NDArray[np.int64] | None:
    """The group of every sample, [N]; None where each is one of its own."""
    return None if samples.groups is None else samples.groups.numpy()


def targets_of(samples: Samples, kind: TargetKind) -> Targets:
    """The target of every labelled sample, [N] or [N, size]: whole numbers, float64 where it is a number."""
    assert samples.target is not None
    return samples.target.double().numpy() if kind == "regression" else samples.target.long().numpy()


class Named(NamedTuple):
    """What is probed: its method, its seed, and its encoder; None for the samples themselves."""

    method: str
    seed: int
    encoder: nn.Module | None


def named_encoders(settings: ProbeSettings, dataset: Dataset) -> list[Named]:
    """The two plain rows, samples and random encoder, then the run that `settings.run` names, if it names one.

    The random encoder has the sizes and the seed of the run.

    Raises:
        UserError: there is no such run, or no such device.
    """
    device = find_device(settings.device)
    sizes, seed, trained = EncoderSettings(), settings.seed, []
    if settings.run not in (RAW, RANDOM):
        run = Run.open(settings.run)
        began, encoder = run.config["settings"], run.encoder()
        sizes, seed = encoder.settings, int(began["seed"])
        trained = [Named(str(began["method"]), seed, encoder.to(device))]
    untrained = make_encoder(dataset.spec, sizes, seed).to(device)
    return [Named(RAW, seed, None), Named(UNTRAINED, seed, untrained), *trained]
