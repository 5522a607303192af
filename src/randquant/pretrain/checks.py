"""Samples and settings in, one line out where they cannot train an encoder: looked for before anything is made."""

from __future__ import annotations

import os
import shutil
import sys

import torch

from randquant import world
from randquant.data import Batch, Dataset, Samples
from randquant.data.fingerprint import probed
from randquant.errors import UserError
from randquant.methods import check_read, settings_of
from randquant.pretrain.feed import check_finite
from randquant.settings import MethodSettings, PretrainSettings, defaults_of
from randquant.spec import Spec


def training_part(dataset: Dataset) -> Samples:
    """The samples to train on.

    Raises:
        UserError: there are none.
    """
    if "train" not in dataset.parts:
        there = ", ".join(dataset.parts) or "none"
        raise UserError(f"data: {dataset.name} has no part named train, which is trained on; it has: {there}")
    return dataset.parts["train"]


def check_details(settings: PretrainSettings) -> None:
    """Refuse settings of methods that this method does not read.

    Where values are changed may be said to any method: a benchmark says it of a domain.

    Raises:
        UserError: it does not read one that is other than the protocol's.
    """
    protocol = defaults_of(settings.protocol, faithful=settings.dabs_faithful)
    changed = settings.method_details.changed(protocol.get("method_details", MethodSettings()))
    check_read("method", settings.method, settings_of(settings.method) | {"at"}, changed)


def check_samples(samples: Samples, spec: Spec, settings: PretrainSettings) -> None:
    """Refuse what cannot be trained on.

    Raises:
        UserError: there are too few samples, or two of one id; the batch cannot be shared out among the processes;
            inputs are not as the spec says; values are not finite, or a channel says nothing.
    """
    check_shared(settings.batch)
    if len(samples.ids) < settings.batch:
        raise UserError(f"batch: got {settings.batch}, must be at most the {len(samples.ids)} training samples")
    ordered = samples.ids.sort().values
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        raise UserError(
            f"data: {len(twice)} samples have the id of another one, such as {int(twice[0])}; the random numbers of a "
            "sample follow from its id: give each its own"
        )
    some = probed(samples)
    _check_inputs(some, spec)
    check_finite(some, gaps=spec.gaps)
    if isinstance(samples, Batch):  # others are too many; batches are looked at as they come
        _check_channels(samples)


def check_shared(batch: int) -> None:
    """Refuse a batch that the processes cannot share out evenly.

    Raises:
        UserError: it cannot.
    """
    processes = world.size()
    if batch % processes or batch < 2 * processes:
        raise UserError(
            f"batch: got {batch} for {processes} processes, must be a multiple of that, and 2 each at least"
        )


def check_compiler(device: torch.device) -> None:
    """Refuse to compile where torch would find no compiler: C++ for the CPU, C for what starts kernels on a GPU.

    Raises:
        UserError: there is none.
    """
    variable, language = ("CC", "C") if device.type == "cuda" else ("CXX", "C++")
    if variable in os.environ:
        names = [os.environ[variable]]
    else:
        names = ["gcc", "clang"] if language == "C" else ["clang++" if sys.platform == "darwin" else "g++"]
    if not any(map(shutil.which, names)):
        raise UserError(
            f"compile: no {language} compiler is here, such as {names[0]}; install one, name it by {variable}, or "
            "leave --compile out"
        )


def _check_inputs(batch: Batch, spec: Spec) -> None:
    if len(batch.inputs) != len(spec.inputs):
        raise UserError(f"data: a sample has {len(batch.inputs)} inputs, but its spec has {len(spec.inputs)}")
    for number, (values, one) in enumerate(zip(batch.inputs, spec.inputs, strict=True)):
        shape = tuple(values.shape[1:])
        if shape != one.shape:
            raise UserError(f"data: input {number} of a sample has the shape {shape}, but its spec says {one.shape}")
        real = one.kind != "tokens"
        if values.is_floating_point() != real:
            raise UserError(
                f"data: input {number} is of type {str(values.dtype).removeprefix('torch.')}, must be "
                f"{'real numbers, such as float32' if real else 'whole numbers, such as int64'}"
            )


def _check_channels(samples: Batch) -> None:
    for number, values in enumerate(samples.inputs):
        if values.is_floating_point():
            others = [dim for dim in range(values.ndim) if dim != 1]
            most, least = values.amax(dim=others), values.amin(dim=others)
            if bool(most.isnan().any()):
                gaps = values.isnan()
                most = values.masked_fill(gaps, -torch.inf).amax(dim=others)
                least = values.masked_fill(gaps, torch.inf).amin(dim=others)
            same = (most <= least).nonzero().flatten().tolist()  # channels; in one of gaps alone the most is less
            if same:
                raise UserError(
                    f"data: input {number} has the same value in all samples in its channel {same[0]}"
                    f"{f', and in {len(same) - 1} others' if same[1:] else ''}; it says nothing: leave it out"
                )
