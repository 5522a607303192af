"""Started twice by torchrun: what two processes compute and what one computes, as a table of largest differences.

    python -m torch.distributed.run --standalone --nproc_per_node 2 tests/two_processes.py

Every method is trained for some steps by one process, before the two know of each other, then by both at the same
global batch; in float64, because batch normalisation of few samples that are much alike enlarges the rounding of
float32. A line of the table is a case and its absolute differences, separated by tabs. The last line is a control, with
two processes that do not look at each other's samples: its differences are large.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, distributed, nn

from randquant import world
from randquant.data import Batch
from randquant.encoder import DomainAgnosticTransformer, ForeignEncoder, make_encoder
from randquant.methods import METHODS, make_method
from randquant.methods.batch_norm import BatchNorm, share_batch_norms
from randquant.quantize.draw import Draws
from randquant.settings import MethodSettings
from samples import SMALL, SPECS, batch

GLOBAL_BATCH = 8
STEPS = 20
FEW = 5  # of methods that are compared over all of them on samples of another kind
SETTINGS = MethodSettings(projection=8, hidden=12, momentum=0.9, crop_smallest=0.8)
PAIRED = {"mocov3", "byol", "simsiam", "simclr"}  # those that need a partner
GRIDS_ONLY = {"crop", "shift"}
PICTURES_ONLY = {"rrc", "flip", "full"}


class Pixels(nn.Module):
    """A user's own encoder, with a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = self.norm(self.convolution(values)).relu().mean(dim=(2, 3))
        return out


@dataclass(frozen=True)
class Case:
    """A method, the kind of sample, whether the encoder is `Pixels`, how long, and what differs from `SETTINGS`."""

    method: str
    kind: str
    own: bool = False
    steps: int = STEPS
    changes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = [self.method, self.kind, *(["own encoder"] if self.own else []), *map(str, self.changes.values())]
        return ", ".join(told)

    def encoder(self) -> DomainAgnosticTransformer | ForeignEncoder:
        spec = SPECS[self.kind]
        if not self.own:
            return make_encoder(spec, replace(SMALL, depth=1, dropout=0.0), seed=0)
        torch.manual_seed(0)
        return ForeignEncoder(Pixels(), spec, batch(spec).inputs)


def cases() -> list[Case]:
    found = []
    for kind in ("2d", "image+text", "table"):
        for name in METHODS:
            if name in PICTURES_ONLY and kind != "2d":
                continue
            if kind != "table" or name not in GRIDS_ONLY:
                whole = f"rq+{name}" if name in PAIRED | {"flip"} else name
                found.append(Case(whole, kind, steps=STEPS if kind == "2d" else FEW))
    found += [Case(name, "2d", own=True) for name in ("rq", "crop+imix", "crop+rq+byol", "crop+rq+mocov3")]
    found += [Case(name, "2d") for name in ("crop+emix", "mask+rq")]
    found += [Case("emix", "2d", changes={"mixture_weights": "batch"})]
    found += [Case(name, "image+text", changes={"at": "embeddings"}) for name in ("rq", "rq+simclr", "rq+mocov3")]
    return found


def train(case: Case, share: slice) -> dict[str, Tensor]:
    """Losses, gradients and all numbers of the state, of the `share` of each global batch that this process has."""
    encoder = case.encoder().double()
    torch.manual_seed(1)
    method: Any = make_method(case.method, encoder, replace(SETTINGS, **case.changes)).double()
    everything = nn.ModuleList([encoder, method])
    share_batch_norms(everything)
    groups = [{"params": list(encoder.parameters())}, *method.parameter_groups()]
    trained = [one for group in groups for one in group["params"]]
    optimizer = torch.optim.SGD(groups, lr=0.02, momentum=0.9)
    samples = batch(SPECS[case.kind], 3 * GLOBAL_BATCH)
    inputs = tuple(one.double() if one.is_floating_point() else one for one in samples.inputs)
    samples = samples._replace(inputs=inputs)
    found = {}
    for step in range(case.steps):
        order = Draws(0, step, samples.ids).permutation("order")
        chosen = samples.take(order[:GLOBAL_BATCH])
        mine: Batch = chosen.take(share)
        loss = method(encoder, mine, Draws(0, step, chosen.ids, share), step / case.steps).value
        optimizer.zero_grad()
        loss.backward()
        gradients = averaged(flat([torch.zeros_like(one) if one.grad is None else one.grad for one in trained]))
        for one, gradient in zip(trained, gradients.split([one.numel() for one in trained]), strict=True):
            one.grad = gradient.reshape(one.shape).clone()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        if step in (0, case.steps - 1):
            found |= {f"loss {step + 1}": averaged(loss.detach()), f"gradient {step + 1}": gradients}
    found[f"state {case.steps}"] = flat(list(everything.state_dict().values()))
    return found


def averaged(values: Tensor) -> Tensor:
    """The mean over the processes, as DistributedDataParallel takes it of gradients."""
    if distributed.is_initialized():
        values = values.clone()
        distributed.all_reduce(values)
        values = values / distributed.get_world_size()
    return values


def flat(values: list[Tensor]) -> Tensor:
    return torch.cat([one.detach().double().flatten() for one in values])


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference on any process; infinite where a number is no number."""
    largest = torch.nan_to_num((one - other).abs(), nan=torch.inf).max()
    distributed.all_reduce(largest, distributed.ReduceOp.MAX)
    return largest.item()


def compare(expected: dict[str, Tensor], found: dict[str, Tensor]) -> dict[str, float]:
    assert expected.keys() == found.keys()
    return {name: difference(expected[name], found[name]) for name in expected}


def exchanges(share: slice) -> Iterator[tuple[str, dict[str, float]]]:
    """gather and total, with the gradient that reaches this process's rows from the losses of both."""
    torch.manual_seed(2)
    values, weights = torch.randn(GLOBAL_BATCH, 3), torch.randn(2, GLOBAL_BATCH, 3)
    for name, exchange, whole in (
        ("world.gather", world.gather, lambda all_rows: all_rows),
        ("world.total", world.total, lambda all_rows: all_rows[: GLOBAL_BATCH // 2] + all_rows[GLOBAL_BATCH // 2 :]),
    ):
        mine, everyones = values[share].clone().requires_grad_(), values.clone().requires_grad_()
        output, expected = exchange(mine), whole(everyones)
        (output * weights[world.rank(), : len(output)]).sin().sum().backward()
        (expected * weights[:, : len(output)]).sin().sum().backward()
        assert mine.grad is not None
        assert everyones.grad is not None
        yield name, compare({"output": expected, "gradient": everyones.grad[share]},
                            {"output": output, "gradient": mine.grad})  # fmt: skip


def normalisations(share: slice) -> Iterator[tuple[str, dict[str, float]]]:
    """Our batch normalisation on two halves, torch's on the whole: two batches, their gradients, then eval mode."""
    kinds = {(3,): nn.BatchNorm1d, (3, 5): nn.BatchNorm1d, (3, 2, 2): nn.BatchNorm2d, (3, 2, 1, 2): nn.BatchNorm3d}
    for shape, kind in kinds.items():
        for options in ({}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}):
            ours, torchs = BatchNorm(3, **options), kind(3, **options)
            expected, found = {}, {}
            for number in range(2):
                values = 1 + torch.randn(GLOBAL_BATCH, *shape) * torch.rand(GLOBAL_BATCH, *shape)
                mine, everyones = values[share].clone().requires_grad_(), values.clone().requires_grad_()
                output, whole = ours(mine), torchs(everyones)
                weights = torch.randn_like(values)
                (output * weights[share]).sin().sum().backward()
                (whole * weights).sin().sum().backward()
                assert mine.grad is not None
                assert everyones.grad is not None
                expected |= {f"output {number}": whole[share], f"gradient {number}": everyones.grad[share]}
                found |= {f"output {number}": output, f"gradient {number}": mine.grad}
            if ours.affine:
                expected["parameters"] = flat([one.grad for one in torchs.parameters() if one.grad is not None])
                own = flat([one.grad for one in ours.parameters() if one.grad is not None])
                found["parameters"] = averaged(own) * world.size()
            if ours.track_running_stats:
                expected["statistics"], found["statistics"] = (flat(list(one.buffers())) for one in (torchs, ours))
                expected["eval"], found["eval"] = torchs.eval()(values), ours.eval()(values)
            name = ", ".join(["batch norm", str(shape), *(f"{key}={value}" for key, value in options.items())])
            yield name, compare(expected, found)


def main() -> None:
    torch.set_num_threads(1)
    share_of_cases = cases()[int(os.environ["RANK"]) :: 2]  # both work, each by itself, as nothing is initialised yet
    parts: list[Any] = [{str(case): train(case, slice(None)) for case in share_of_cases}, None]
    distributed.init_process_group("gloo")
    distributed.all_gather_object(parts, parts[0])
    alone = parts[0] | parts[1]
    half = GLOBAL_BATCH // 2
    share = slice(world.rank() * half, (world.rank() + 1) * half)
    table = [*exchanges(share), *normalisations(share)]
    table += [(str(case), compare(alone[str(case)], train(case, share))) for case in cases()]
    with mock.patch.object(world, "_many", return_value=False):
        control = next(case for case in cases() if case.method == "rq+byol")
        table.append(("control", compare(alone[str(control)], train(control, share))))
    if distributed.get_rank() == 0:
        for name, differences in table:
            sys.stdout.write("\t".join([name, *(f"{key} {value:.1e}" for key, value in differences.items())]) + "\n")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
