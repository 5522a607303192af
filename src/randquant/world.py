"""One process's tensors in, those of all processes out: what a loss needs that looks at the whole global batch.

With one process everything is returned as it came. With several, started by torchrun, each holds as many samples as
the others, and the global batch is their parts in the order of the ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from randquant.errors import ToldElsewhereError, UserError

_trainings = 0  # that this process has begun with others


def size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if _many() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if _many() else 0


def gather(values: Tensor) -> Tensor:
    """The rows of all processes: [B, ...] to [size * B, ...]. The gradient reaches the process each row came from."""
    if size() == 1:
        return values
    gathered: Tensor = _Gather.apply(values)
    return gathered


def total(values: Tensor) -> Tensor:
    """The sum over all processes, element by element, with its gradient."""
    if size() == 1:
        return values
    summed: Tensor = _Total.apply(values)
    return summed


def mean(values: Tensor) -> Tensor:
    """The mean over all processes, element by element, without a gradient."""
    return total(values.detach()) / size()


def largest(number: int, device: torch.device) -> int:
    """The largest of all processes' numbers: what one has noticed, all know."""
    if size() == 1:
        return number
    found = torch.tensor(number, device=device)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return int(found)


@contextmanager
def agreement(device: torch.device) -> Iterator[None]:
    """What a user can mend, and one process meets inside, all raise at its end; inside, no process waits for another.

    Args:
        device: of this process.

    Raises:
        UserError: on the first process; `ToldElsewhereError` on the others.
    """
    problem = None
    try:
        yield
    except UserError as error:
        problem = error
    if size() == 1:
        if problem is not None:
            raise problem
        return
    if largest(problem is not None, device):
        texts: list[str | None] = [None] * size()
        distributed.all_gather_object(texts, None if problem is None else str(problem))
        found = _Announced(0, next(text for text in texts if text is not None))
        announce(found.text, found.rank)
        raise found.error() from problem


class _Announced(NamedTuple):
    """An error of the training: which process tells it, and its text."""

    rank: int
    text: str

    def error(self) -> UserError:
        """What this process raises."""
        return (UserError if self.rank == rank() else ToldElsewhereError)(self.text)


def forget_errors() -> None:
    """Begin a training: an error of one before it, which the process has survived, is none of this one's."""
    global _trainings
    _trainings += 1


def announce(text: str, teller: int | None = None) -> UserError:
    """Leave an error where all processes find it, unless one is there already.

    Args:
        text: of the error.
        teller: the rank of the process that tells it; None for this one's.

    Returns:
        what this process is to raise: the first error, by the process that tells it, or `ToldElsewhereError`.
    """
    found = _Announced(rank() if teller is None else teller, text)
    try:
        stands: bytes = _store().compare_set(_key(), "", f"{found.rank} {found.text}")
    except RuntimeError:  # the store has ended, with the process that kept it
        return found.error()
    return _parsed(stands).error()


def announced() -> UserError | None:
    """What another process's `announce` has left for this one to raise, if one has."""
    try:
        return _parsed(_store().get(_key())).error() if _store().check([_key()]) else None
    except RuntimeError:  # as above
        return None


def _parsed(stands: bytes) -> _Announced:
    number, _, text = stands.decode().partition(" ")
    return _Announced(int(number), text)


def _key() -> str:
    return f"randquant/error/{_trainings}"


def _store() -> distributed.distributed_c10d.Store:
    store: distributed.distributed_c10d.Store = distributed.distributed_c10d._get_default_store()
    return store


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        values = values.contiguous()
        parts = [torch.empty_like(values) for _ in range(size())]
        distributed.all_gather(parts, values)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient.tensor_split(size())[rank()]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.contiguous().clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient
