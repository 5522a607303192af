"""What every check takes and gives: samples that were read, and one thing that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from randquant.data import Batch, Dataset
from randquant.spec import Input

_NAMED = 5  # channels that a sentence names


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        check: the family that it belongs to.
        what: what was found, in numbers.
        consequence: what follows from it.
        option: one thing to do about it.
    """

    check: str
    what: str
    consequence: str
    option: str


@dataclass(frozen=True)
class Patient:
    """A data set under examination.

    Args:
        dataset: as it was opened.
        read: the samples of each part that could be read.
        broken: what was said of those that could not, by part.
        bins: of randomized quantization.
        batch: samples of a batch.
    """

    dataset: Dataset
    read: Mapping[str, Batch]
    broken: Mapping[str, Sequence[str]]
    bins: int
    batch: int

    def numbers(self) -> Iterator[tuple[int, Input, Tensor]]:
        """Of the training part, each input with real values: its place, its spec, and the values [N, C, ...]."""
        for place, one in enumerate(self.dataset.spec.inputs):
            if one.channels and len(self.read["train"].ids):
                yield place, one, self.read["train"].inputs[place][:, : one.channels]

    def name(self, place: int) -> str:
        """What a sentence calls an input: nothing where there is one alone."""
        return f"input {place}, " if len(self.dataset.spec.inputs) > 1 else ""


Check = Callable[[Patient], Iterator[Finding]]


def channels(numbers: Sequence[int]) -> str:
    """ "channel 3", "channels 0, 2 and 5", "channels 0, 1, 2, 3, 4 and 11 others"."""
    words = list(map(str, numbers[:_NAMED]))
    if len(numbers) > _NAMED:
        return f"channels {', '.join(words)} and {len(numbers) - _NAMED} others"
    if len(words) == 1:
        return f"channel {words[0]}"
    return f"channels {', '.join(words[:-1])} and {words[-1]}"
