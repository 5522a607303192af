"""Keyed views: the same sample id gives the same view, whoever computes it and beside whom."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from randquant import RandomizedQuantization, randomized_quantize

SETTINGS = [{}, {"bins": (2, 12)}, {"p": 0.5}, {"per": "sample"}, {"edges": "uniform"}, {"values": "midpoint"}]


def samples() -> Tensor:
    return torch.randn(12, 3, 6, 7, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("settings", SETTINGS)
def test_batch_composition_and_order_change_nothing(settings: dict[str, object]) -> None:
    x, ids = samples(), torch.arange(100, 112)
    whole = randomized_quantize(x, keys=ids, **settings)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    assert torch.equal(randomized_quantize(x[order], keys=ids[order], **settings), whole[order])
    for i in range(12):
        alone = randomized_quantize(x[i], keys=100 + i, batch_dim=None, channel_dim=0, **settings)
        assert torch.equal(alone, whole[i])
    assert torch.equal(randomized_quantize(x, keys=ids.tolist(), **settings), whole)


@pytest.mark.parametrize("settings", SETTINGS)
def test_backends_change_nothing(settings: dict[str, object]) -> None:
    x, ids = samples(), torch.arange(12)
    views = [randomized_quantize(x, keys=ids, backend=name, **settings) for name in ("reference", "torch", "numba")]
    assert torch.equal(views[0], views[1])
    assert torch.equal(views[0], views[2])


def test_other_keys_give_other_views() -> None:
    x = samples()[:1].expand(12, -1, -1, -1)
    views = randomized_quantize(x, keys=torch.arange(12))
    assert len({tuple(view.flatten().tolist()) for view in views}) == 12


def test_torchs_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    randomized_quantize(samples(), keys=torch.arange(12), p=0.5, bins=(2, 5))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a CUDA device with the CPU")
def test_devices_change_nothing() -> None:
    x, ids = samples(), torch.arange(12)
    on_device = randomized_quantize(x.cuda(), keys=ids).cpu()
    assert torch.equal(on_device, randomized_quantize(x, keys=ids))


class Views(Dataset[Tensor]):
    """Each sample's keyed view."""

    def __init__(self) -> None:
        self.x = samples()
        self.transform = RandomizedQuantization(8, channel_dim=0, batch_dim=None)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Tensor:
        view: Tensor = self.transform(self.x[i], keys=i)
        return view


@pytest.mark.parametrize(("workers", "context"), [(0, None), (1, "fork")])
def test_workers_change_nothing(workers: int, context: str | None) -> None:
    expected = randomized_quantize(samples(), keys=torch.arange(12))
    loader = DataLoader(Views(), batch_size=4, num_workers=workers, multiprocessing_context=context)
    assert torch.equal(torch.cat(list(loader)), expected)


class Both(Views):
    """Beside each sample's keyed view one of the first sample, from the worker's own generator."""

    def __getitem__(self, i: int) -> Tensor:
        return torch.stack([super().__getitem__(i), self.transform(self.x[0])])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_two_workers_give_the_same_keyed_views_and_draw_different_numbers(context: str) -> None:
    loader = DataLoader(Both(), batch_size=4, num_workers=2, multiprocessing_context=context)
    keyed, unkeyed = torch.cat(list(loader)).unbind(1)
    assert torch.equal(keyed, randomized_quantize(samples(), keys=torch.arange(12)))
    assert len({tuple(view.flatten().tolist()) for view in unkeyed}) == 12


def test_several_threads_of_python_at_once() -> None:
    x, ids = samples().repeat(1, 1, 20, 20), torch.arange(12)
    expected = randomized_quantize(x, keys=ids)
    with ThreadPoolExecutor(4) as pool:
        views = list(pool.map(lambda _: randomized_quantize(x, keys=ids), range(40)))
    assert all(torch.equal(view, expected) for view in views)


def test_a_child_forked_while_kernels_are_compiled_is_not_stuck() -> None:
    script = """
import os, threading, time, torch
from randquant import randomized_quantize
from randquant.quantize.cpu import backend as cpu_backend  # the first call compiles, or loads what was compiled
x = torch.rand(2, 3, 50)
first = threading.Thread(target=lambda: [randomized_quantize(y, keys=[1, 2]) for y in (x, x.to(torch.int16))])
first.start()
children = []
for _ in range(3):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        randomized_quantize(x, keys=[1, 2])
        os._exit(0)
    children.append(child)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
first.join()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_a_forked_child_uses_threads_of_its_own() -> None:
    # A plain fork, after the parent's threads have run, and with several threads allowed in the child.
    script = """
import os, torch
from randquant import randomized_quantize
torch.set_num_threads(2)
x = torch.rand(8, 3, 50, 50)
expected = randomized_quantize(x, keys=range(8))
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(randomized_quantize(x, keys=range(8)), expected) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "2"})
