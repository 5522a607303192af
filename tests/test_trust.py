"""What a training refuses, says and keeps when data, modules or machines are not what they should be."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from killed import stored_digits
from randquant import cli, world
from randquant.data import Batch, Dataset, open_data
from randquant.data.fingerprint import PROBED, fingerprint
from randquant.errors import UserError
from randquant.pretrain import display, labelled, loop, train
from randquant.pretrain.checks import check_samples
from randquant.run import Run
from randquant.settings import PretrainSettings
from randquant.spec import Grid, Spec, Table, Tokens
from samples import SMALL
from stored import Deadly, OnDisk, Torn

DIGITS = open_data("digits")
SPEC = Spec((Grid(2, (12,), (3,)),))


def settings(out: Path, **changes: Any) -> PretrainSettings:
    """A training of seconds; the digits give 3 batches an epoch."""
    plain: dict[str, Any] = {"steps": 8, "batch": 300, "encoder": SMALL, "log_every": 1, "quiet": True, "device": "cpu"}
    return PretrainSettings(data="digits", out=out, **{**plain, **changes})


def waves(count: int = 24) -> Dataset:
    values = torch.randn(count, 2, 12, generator=torch.Generator().manual_seed(0))
    return Dataset("waves", SPEC, {"train": Batch(torch.arange(count), (values,))})


def changed(dataset: Dataset, **fields: Any) -> Dataset:
    return replace(dataset, parts={"train": dataset.held("train")._replace(**fields)})


def few(out: Path, **changes: Any) -> PretrainSettings:
    return settings(out, **{"batch": 8, "steps": 2, **changes})


def saved_steps(run: Path) -> list[int]:
    return sorted(int(path.stem.rpartition("-")[2]) for path in run.glob("state-*.pt"))


# Resuming.


def test_other_samples_of_the_same_name_are_refused(tmp_path: Path) -> None:
    given = few(tmp_path / "run")
    train(given, waves())
    values = waves().held("train").inputs[0]
    other = values.clone()
    other[17, 1, 3] += 1e-6
    longer = Dataset(
        "waves", Spec((Grid(2, (15,), (3,)),)), {"train": Batch(torch.arange(24), (torch.rand(24, 2, 15),))}
    )
    cases = {
        "got 23 samples, but it was started with 24": waves(23),
        "got samples with other values than": changed(waves(), inputs=(other,)),
        "got samples with other ids than": changed(waves(), ids=torch.arange(24) + 1),
        r"got inputs float32 \(2, 15\), but it was started with float32 \(2, 12\)": longer,
    }
    for told, dataset in cases.items():
        with pytest.raises(UserError, match=rf"^data: {told}[^;]*; {given.out} can only be resumed unchanged$"):
            train(replace(given, resume=True), dataset)
    train(replace(given, resume=True), waves())


def test_samples_in_files_are_known_again_by_some_of_them(tmp_path: Path) -> None:
    stored = stored_digits(tmp_path).parts["train"]
    assert isinstance(stored, OnDisk)
    before = fingerprint(stored)
    assert before["samples"] == 901
    assert before["inputs"] == ["float32 (1, 8, 8)"]
    assert fingerprint(stored) == before
    values = np.load(stored.path)
    values[-1] += 1
    np.save(stored.path, values)
    assert {name for name, one in fingerprint(stored).items() if one != before[name]} == {"values"}
    assert fingerprint(OnDisk(stored.path, stored.ids[: PROBED - 1]))["samples"] == PROBED - 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.float64])
def test_a_fingerprint_sees_every_bit(dtype: torch.dtype) -> None:
    values = torch.arange(5000).reshape(-1, 1).expand(-1, 3).to(dtype)  # not contiguous
    one = fingerprint(Batch(torch.arange(5000), (values,)))
    last = values.clone()
    last[-1, -1] += 64
    assert one == fingerprint(Batch(torch.arange(5000), (values.clone(),)))
    assert one != fingerprint(Batch(torch.arange(5000), (last,)))


class Layer(nn.Module):
    """A user's own module."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(24, width)

    def forward(self, waves: Tensor) -> Tensor:
        out: Tensor = self.layer(waves.flatten(1))
        return out


def test_another_module_is_refused_by_the_parameter_that_differs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = few(tmp_path / "run", save_every=1)
    train(given, waves(), Layer(6))
    with pytest.raises(
        UserError,
        match=r"^run: .*state-000000002\.pt does not fit the encoder: it has module\.layer\.weight of shape \(6, 24\), "
        r"the module module\.layer\.weight of shape \(5, 24\); go on with what the run was started with$",
    ):
        train(replace(given, resume=True), waves(), Layer(5))
    assert not caplog.messages
    assert saved_steps(given.out) == [1, 2]


# Samples that turn out bad on the way.


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_bad_sample_on_the_way_costs_no_step(
    accumulate: int, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is mended, the training goes on with the same bits, though batch norms had moved already."""
    monkeypatch.setattr(loop, "WATCHED", 8)  # sample 700 is not watched, which would find it at the start
    stored = stored_digits(tmp_path).parts["train"]
    assert isinstance(stored, OnDisk)
    error = OSError(5, "Input/output error", "700.png")
    data = replace(DIGITS, parts={"train": Torn(stored.path, stored.ids, 700, error)})
    given = settings(
        tmp_path / "run", method="rq+byol", batch=400, workers=workers, accumulate=accumulate, steps=4, seed=SEED
    )
    whole = train(replace(given, out=tmp_path / "whole"), data, Normed())
    torn = tmp_path / "torn"
    torn.touch()
    with pytest.raises(UserError, match=r"^data: the sample with id \d+ cannot be read \(OSError: .*700\.png'\)$"):
        train(given, data, Normed())
    done = [line["step"] for line in Run.open(given.out).metrics() if "loss" in line]
    assert done
    assert saved_steps(given.out) == [done[-1]]
    torn.unlink()
    resumed = train(replace(given, resume=True), data, Normed())
    for name, one in whole.encoder(Normed()).state_dict().items():
        assert torch.equal(one, resumed.encoder(Normed()).state_dict()[name]), name


SEED = 13  # sample 700 stands in the second batch of the second epoch alone


class Normed(nn.Module):
    """A user's own module, with running statistics."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8))

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.layers(pixels)
        return out


def test_a_worker_that_is_killed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = _MultiProcessingDataLoaderIter._try_get_data
    monkeypatch.setattr(looks, "__defaults__", (0.5,))  # seconds after which torch looks whether the worker lives
    monkeypatch.setattr(loop, "WATCHED", 8)  # by this process, which must not read sample 700
    stored = stored_digits(tmp_path).parts["train"]
    assert isinstance(stored, OnDisk)
    data = replace(DIGITS, parts={"train": Deadly(stored.path, stored.ids, 700)})
    with pytest.raises(
        UserError, match=r"^workers: a process that reads samples has ended \([^\n]*\); [^\n]*--resume$"
    ):
        train(settings(tmp_path / "run", workers=1, save_every=1), data)


# A start that fails.


def test_a_start_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "notes.txt").touch()
    monkeypatch.setattr(loop, "open_loggers", refuse)
    for out in (tmp_path / "runs" / "new", there):
        with pytest.raises(UserError, match=r"^logger: no"):
            train(settings(out, method="rq"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["notes.txt", "runs", "there"]
    monkeypatch.undo()
    given = settings(tmp_path / "same", method="crop")
    whole_grids = replace(given.method_details, crop_smallest=1.0)
    with pytest.raises(UserError, match=r"^method: a view equals its input"):
        train(replace(given, method_details=whole_grids))
    assert not given.out.exists()


def refuse(*_: object) -> None:
    raise UserError("logger: no")


def test_a_start_that_fails_spoils_no_run_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = few(tmp_path / "run")
    train(given, waves())
    before = sorted(path.name for path in given.out.iterdir())
    monkeypatch.setattr(loop, "open_loggers", refuse)
    for resume in (True, False):
        with pytest.raises(UserError):
            train(replace(given, resume=resume), waves())
    assert sorted(path.name for path in given.out.iterdir()) == before


# Data that are not as they should be.


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        *((name, torch.float64) for name in ("crop+rq", "shift+rq+byol", "imix", "mae", "mask+emix", "shed", "capri")),
        *((name, torch.float16) for name in ("imix", "mae")),
    ],
)
def test_grids_of_other_precisions_train(method: str, dtype: torch.dtype, tmp_path: Path) -> None:
    data = changed(waves(), inputs=(waves().held("train").inputs[0].to(dtype),))
    run = train(few(tmp_path / "run", method=method, monitors=()), data)
    assert all(line["loss"] == line["loss"] for line in run.metrics() if "loss" in line)


def test_a_table_of_float64_trains(tmp_path: Path) -> None:
    values = torch.rand(24, 2, dtype=torch.float64)
    data = Dataset("table", Spec((Table(2, limits=((0, 1), (0, 1))),)), {"train": Batch(torch.arange(24), (values,))})
    for method in ("rq", "mae"):
        train(few(tmp_path / method, method=method), data)


def symbols(values: Tensor) -> Dataset:
    return Dataset("symbols", Spec((Tokens(9, 6),)), {"train": Batch(torch.arange(len(values)), (values,))})


BAD: dict[str, Dataset] = {
    r"data: waves has no part named train, which is trained on; it has: test": replace(
        waves(), parts={"test": waves().held("train")}
    ),
    r"data: 2 samples have the id of another one, such as 3; the random": changed(
        waves(), ids=torch.tensor([3, 3, 3, *range(4, 25)])
    ),
    r"data: input 0 is of type uint8, must be real numbers, such as float32": changed(
        waves(), inputs=(torch.randint(0, 255, (24, 2, 12)).to(torch.uint8),)
    ),
    r"data: input 0 is of type float32, must be whole numbers, such as int64": symbols(torch.rand(24, 6)),
    r"data: input 0 of a sample has the shape \(2, 11\), but its spec says \(2, 12\)": changed(
        waves(), inputs=(torch.rand(24, 2, 11),)
    ),
    r"data: a sample has 2 inputs, but its spec has 1": changed(waves(), inputs=(torch.rand(24, 2, 12),) * 2),
    r"batch: got 8, must be at most the 7 training samples": waves(7),
    r"batch: got 8, must be at most the 0 training samples": waves(0),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_data_are_one_line_and_leave_nothing(told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^{told}[^\n]*$"):
        train(few(tmp_path / "run"), BAD[told])
    assert not any(tmp_path.iterdir())


def test_a_batch_that_cannot_be_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "size", lambda: 2)
    for batch in (9, 2):
        with pytest.raises(UserError, match=f"^batch: got {batch} for 2 processes, must be a multiple of that, and 2"):
            check_samples(waves().held("train"), SPEC, few(tmp_path, batch=batch))


# Modules and machines.


class Vanishing(nn.Module):
    """Sound while it is trained, no number when it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(24, 6)
        self.looked = 0

    def forward(self, waves: Tensor) -> Tensor:
        self.looked += not self.training
        out: Tensor = self.layer(waves.flatten(1))
        return out if self.training or self.looked == 1 else out / 0  # the first look finds its width


def test_features_that_are_no_numbers_are_said_to_be_that(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = train(few(tmp_path / "run"), waves(), Vanishing())
    (said,) = caplog.messages
    assert said.startswith("step 2: the features of 24 of 24 samples are NaN or infinite when the encoder is used")
    assert run.metrics()[-1] == {"step": 2, "not_finite": 24.0, "watched": 24.0}


def test_a_missing_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    words = ["pretrain", "digits", "--out", str(tmp_path / "run"), "--compile", "--device", "cpu", "--quiet"]
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(words) == 2
    assert capfd.readouterr().err == (
        "randquant: error: compile: no C++ compiler is here, such as g++; install one, name it by CXX, or leave "
        "--compile out\n"
    )
    monkeypatch.setenv("CXX", "my++")
    assert cli.main(words) == 2
    assert "no C++ compiler is here, such as my++;" in capfd.readouterr().err
    assert not any(tmp_path.iterdir())


# The command line.


def holed(dataset: Dataset, value: float) -> Dataset:
    """The digits with one number replaced."""
    values = dataset.held("train").inputs[0].clone()
    values[5, 0, 2, 2] = value
    return changed(dataset, inputs=(values,))


FLAT = changed(DIGITS, inputs=(torch.full((901, 1, 8, 8), 0.5),))
UNLABELLED = replace(DIGITS, spec=replace(DIGITS.spec, target=None))
TYPED: dict[str, tuple[str, Dataset]] = {
    "--batch 1": ("batch: got 1, must be at least 2", DIGITS),
    "--batch 902": ("batch: got 902, must be at most the 901 training samples", DIGITS),
    "--seed 0": ("data: input 0 holds NaN or infinite values in 1 of 901 samples, first in", holed(DIGITS, torch.nan)),
    "--seed 1": ("data: input 0 holds NaN or infinite values in 1 of 901 samples, first in", holed(DIGITS, torch.inf)),
    "--seed 2": ("data: input 0 has the same value in all samples in its channel 0; it says nothing", FLAT),
    "--monitors unlabelled": ("monitors: digits has no labels; give a data set whose target is a class", UNLABELLED),
    "--method rq+rq": ("method: got 'rq+rq', must name each partner once", DIGITS),
    "--method byol": ("method: byol compares two views, so it needs a partner before it, such as rq+byol", DIGITS),
    "--logger tensorboard --method crop --crop-smallest 1": ("method: a view equals its input", DIGITS),
    "--resume": ("run: {out} does not exist; give a folder that randquant pretrain --out has made", DIGITS),
    "--stepps 3": ("unknown option --stepps of pretrain; did you mean --steps?", DIGITS),
}


def typed(words: str, out: Path) -> int:
    return cli.main(f"pretrain digits --out {out} --device cpu --quiet --depth 1 --width 16 {words}".split())


@pytest.mark.parametrize("words", TYPED)
def test_what_is_typed_wrong_is_one_line_and_leaves_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told, dataset = TYPED[words]
    monkeypatch.setattr(loop, "open_training", lambda settings: dataset)
    monkeypatch.setattr(labelled, "open_monitor", lambda *_: dataset)
    assert typed(words, tmp_path / "run") == 2
    out, said = capfd.readouterr()
    assert out == ""
    assert said.startswith(f"randquant: error: {told.format(out=tmp_path / 'run')}")
    assert said.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_run_of_another_version_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert typed("--steps 1", out) == 0
    config = json.loads((out / "config.json").read_text())
    config["versions"]["randquant"] = "99.0.0"
    (out / "config.json").write_text(json.dumps(config))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    capfd.readouterr()
    assert typed("--steps 1 --resume", out) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"randquant: error: run: {out} was made by randquant 99.0.0, and this is ")
    assert said.count("\n") == 1
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_disk_that_fills_up_costs_only_the_steps_since_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands in for the disk's."""
    words = "--steps 8 --save-every 2 --log-every 1"
    assert typed(words, tmp_path / "whole") == 0
    out, show, before = tmp_path / "run", display.Display.show, resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling(shown: display.Display, done: int, loss: float) -> None:
        show(shown, done, loss)
        if done == 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    monkeypatch.setattr(display.Display, "show", filling)
    capfd.readouterr()
    try:
        assert typed(words, out) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capfd.readouterr().err
    assert said.startswith(f"randquant: error: out: {out} cannot be written (File too large); make room there")
    assert said.count("\n") == 1
    assert saved_steps(out) == [2, 4]
    monkeypatch.undo()
    assert typed(f"{words} --resume", out) == 0
    assert (out / "encoder.safetensors").read_bytes() == (tmp_path / "whole" / "encoder.safetensors").read_bytes()


def test_states_are_saved_by_the_clock_too(tmp_path: Path) -> None:
    train(few(tmp_path / "run", steps=5, save_minutes=1e-9, keep=3), waves())
    assert saved_steps(tmp_path / "run") == [3, 4, 5]
    train(few(tmp_path / "slow", steps=5), waves())
    assert saved_steps(tmp_path / "slow") == [5]
