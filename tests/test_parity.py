"""Bit-for-bit agreement with the published draw order and arithmetic, against an independent dense implementation."""

import pytest
import torch

from dense_oracle import dense_quantize
from randquant import randomized_quantize

BINS = [2, 3, 6, 7, 8, 12, 16, 33]


def images() -> torch.Tensor:
    """Images whose channels have ranges from 1e-3 to 2e5, with a constant channel and constant values among them."""
    x = torch.randn(4, 3, 9, 11, generator=torch.Generator().manual_seed(1))
    scale = torch.tensor([1e-3, 1.0, 255.0, 2e4]).view(4, 1, 1, 1)
    offset = torch.tensor([0.0, -5.0, 1e3]).view(1, 3, 1, 1)
    x = x * scale + offset
    x[1, 1] = 0.5
    x[2, 2, :5] = 7.0
    return x


@pytest.mark.parametrize("backend", ["reference", "torch", "numba"])
@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("p", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("edges", ["random", "uniform"])
@pytest.mark.parametrize("values", ["random", "midpoint"])
def test_same_seed_same_bits(backend: str, bins: int, p: float, edges: str, values: str) -> None:
    x = images()
    torch.manual_seed(bins)
    expected = dense_quantize(x, bins, edges=edges, values=values, p=p)
    torch.manual_seed(bins)
    got = randomized_quantize(x, bins, edges=edges, values=values, p=p, backend=backend)
    assert torch.equal(got.view(torch.int32), expected.view(torch.int32))
    # Both left the generator at the same place.
    after = torch.rand(1)
    torch.manual_seed(bins)
    dense_quantize(x, bins, edges=edges, values=values, p=p)
    assert torch.equal(after, torch.rand(1))


def test_many_seeds_on_large_images() -> None:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    for seed in range(50):
        torch.manual_seed(seed)
        expected = dense_quantize(x, 8)
        torch.manual_seed(seed)
        assert torch.equal(randomized_quantize(x, 8), expected)


def test_no_edge_rounds_above_its_maximum() -> None:
    # The published module sorts the maximum among the edges; here it is last without sorting, and may be.
    generator = torch.Generator().manual_seed(3)
    low, high = (torch.randn(2, 10**6, generator=generator) * 10.0 ** torch.randint(-9, 9, (2, 10**6))).sort(0).values
    largest = torch.tensor(1 - 2.0**-24)
    assert bool((largest * (high - low) + low <= high).all())


def test_the_generator_argument_draws_the_same_numbers() -> None:
    x = images()
    torch.manual_seed(5)
    expected = randomized_quantize(x)
    assert torch.equal(randomized_quantize(x, generator=torch.Generator().manual_seed(5)), expected)
