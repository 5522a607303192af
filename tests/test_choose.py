"""choose: eight configurations a method, tried on a cut of the training part alone; the best is what is confirmed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from randquant.bench import choose
from randquant.bench import configurations as table
from randquant.bench import trials as room
from randquant.bench.configurations import STRENGTHS, configurations
from randquant.bench.development import development
from randquant.bench.explored import best, check_whole, read_trials
from randquant.bench.spread import spread
from randquant.bench.suite import plans, shared_out
from randquant.bench.trials import trials
from randquant.data import DATASETS, Batch, Dataset, Samples
from randquant.errors import UserError
from randquant.methods import METHODS, PARTNERS, words_of
from randquant.settings import BenchSettings, ChooseSettings
from randquant.spec import Grid, Spec, Target, Tokens


class Unopened(Mapping[str, Samples]):
    """Parts of which only the training part may be looked at."""

    def __init__(self, train: Samples) -> None:
        self.train = train

    def __getitem__(self, part: str) -> Samples:
        if part != "train":
            raise AssertionError("the test part was opened")
        return self.train

    def __iter__(self) -> Any:
        return iter(("train", "test"))

    def __len__(self) -> int:
        return 2


def squares(count: int = 300, groups: int = 60) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(count) % 3
    pictures = torch.rand(count, 1, 2, 2, generator=generator) / 4 + target[:, None, None, None] * torch.eye(2) / 3
    spec = Spec((Grid(1, (2, 2), (1, 1)),), Target("class", 3))
    train = Batch(torch.arange(count), (pictures,), target, torch.arange(count) // (count // groups))
    return Dataset("digits", spec, Unopened(train), ("low", "middle", "high"), "images", batch=16)


def words() -> Dataset:
    symbols = torch.randint(1, 9, (80, 6), generator=torch.Generator().manual_seed(0))
    spec = Spec((Tokens(9, 6, padding=0),), Target("class", 2))
    train = Batch(torch.arange(80), (symbols,), (symbols[:, 0] > 4).long())
    return Dataset("sentiment", spec, Unopened(train), ("low", "high"), "english_text", batch=16)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the data sets that were opened, which are small ones; two configurations a method are enough."""
    few = {"rq": ({"bins": 4},), "crop": ({"crop_smallest": 0.5},), "emix": ({"temperature": 0.2},)}
    monkeypatch.setattr(table, "STRENGTHS", few)
    names: list[str] = []

    def open_data(name: str, *, faithful: bool = False) -> Dataset:
        names.append(name)
        return squares() if name == "digits" else words()

    room._development.cache_clear()
    monkeypatch.setattr(room, "open_data", open_data)
    monkeypatch.setattr(
        room,
        "DATASETS",
        {**DATASETS, **{n: dataclasses.replace(DATASETS[n], batch=16) for n in ("digits", "sentiment")}},
    )
    return names


def settings(folder: Path, **changes: Any) -> ChooseSettings:
    plain = {"tasks": "digits", "methods": "rq", "steps": 2, "out": folder, "device": "cpu", "quiet": True}
    return ChooseSettings(**{**plain, **changes})


def test_every_method_has_eight_configurations_that_differ() -> None:
    photographs = {"rrc", "flip", "full"}  # whose settings are published
    assert set(STRENGTHS) >= {*PARTNERS, "emix", "imix", "shed", "mae", "capri"} - photographs
    for method in STRENGTHS:
        assert set(words_of(method)) <= {*METHODS, *PARTNERS}
        for domain in ("images", "english_text"):
            tried = configurations(method, domain)
            assert len({json.dumps(one.to_dict()) for one in tried}) == 8
            assert {one.details.at for one in tried} == {"input" if domain == "images" else "embeddings"}
    with pytest.raises(UserError, match="methods: got 'byol', must be one that has configurations: rq, "):
        configurations("byol", "images")


@pytest.mark.parametrize("groups", [7, 60, 300])
def test_the_cut_leaves_groups_whole_and_the_test_part_closed(groups: int) -> None:
    whole = squares(300 // groups * groups, groups)
    cuts = [development(whole, seed) for seed in (1000, 1000, 1001)]
    first, again, other = (one.held("test") for one in cuts)
    train = cuts[0].held("train")
    assert torch.equal(first.ids, again.ids)
    assert not torch.equal(first.ids, other.ids)
    assert sorted([*train.ids.tolist(), *first.ids.tolist()]) == whole.parts["train"].ids.tolist()
    assert first.groups is not None
    assert train.groups is not None
    assert not set(first.groups.tolist()) & set(train.groups.tolist())
    assert 0.2 <= len(first.ids) / len(whole.parts["train"].ids) <= 0.2 + 1 / groups
    with pytest.raises(UserError, match="one group in its training part"):
        development(squares(30, 1), 0)


def test_every_trial_is_a_line_and_the_best_is_confirmed(tmp_path: Path, opened: list[str]) -> None:
    path = choose(settings(tmp_path, methods="rq,crop", tasks="digits,sentiment"))
    assert opened == ["digits", "sentiment"]
    lines = read_trials(path)
    assert len(lines) == 2 * 2 * 2
    assert {line["suite"] for line in lines} == {"mini-development"}
    by = {name: [line for line in lines if line["task"] == name] for name in ("digits", "sentiment")}
    assert all(line["status"] == "ok" for line in by["digits"])
    assert {line["status"].partition(":")[0] for line in by["sentiment"] if line["method"] == "crop"} == {
        "not applicable"
    }
    for line in by["digits"]:
        assert line["value"] == pytest.approx((line["knn_accuracy"] + line["linear_accuracy"]) / 2)
    found = best(lines, "digits", "rq")
    assert found is not None
    assert (found.value, found.tried) == (max(r["value"] for r in by["digits"] if r["method"] == "rq"), 2)
    assert best(lines, "sentiment", "crop") is None

    before = path.read_bytes()
    choose(settings(tmp_path, methods="rq,crop", tasks="digits,sentiment"))
    assert path.read_bytes() == before

    wanted = BenchSettings(tasks="digits,sentiment", methods="rq,crop", explored=path, out=tmp_path, seeds=2)
    cells = list(plans(wanted))
    assert [(one.seed, one.task.name, one.method) for one in cells if one.configuration] == [
        (seed, task, method)
        for seed in (0, 1)
        for task, method in (("digits", "rq"), ("digits", "crop"), ("sentiment", "rq"))
    ]
    chosen = next(one for one in cells if (one.task.name, one.method) == ("digits", "rq"))
    assert chosen.training is not None
    assert chosen.configuration == found.configuration.to_dict()
    assert chosen.training.learning_rate == found.configuration.learning_rate
    assert chosen.training.method_details == found.configuration.details
    with pytest.raises(UserError, match="seed: 1000 was used to choose; confirm with other seeds"):
        list(plans(dataclasses.replace(wanted, seed=999)))
    with pytest.raises(UserError, match="explored: 0 of 2 configurations of emix on digits were tried; finish with"):
        list(plans(dataclasses.replace(wanted, methods="emix")))


def test_further_configurations_are_recorded_and_never_chosen(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    choose(settings(tmp_path))
    further = ("bins=2,quantized_views=one", "learning_rate=0.01,at=embeddings,temperature=0.5", "bins=4")
    path = choose(settings(tmp_path, further=further, quiet=False))
    assert "digits\trq\tlearning_rate=0.003 at=input bins=2 quantized_views=one\t" in capsys.readouterr().out
    lines = read_trials(path)
    assert [(line["number"], line.get("further", False)) for line in lines] == [
        (1, False), (2, False), (3, True), (4, True), (5, True),
    ]  # fmt: skip
    assert lines[4]["configuration"] == lines[1]["configuration"]  # as one of the two, it is none of them
    assert lines[2]["configuration"] == {"learning_rate": 3e-3, "at": "input", "bins": 2, "quantized_views": "one"}
    assert lines[3]["configuration"] == {"learning_rate": 0.01, "at": "embeddings", "temperature": 0.5}
    rich = [{**line, "value": 1.0} if line.get("further") else line for line in lines]
    found = best(rich, "digits", "rq")
    assert found is not None
    assert (found.tried, found.value < 1) == (2, True)
    with pytest.raises(UserError, match="explored: 0 of 2 configurations"):
        check_whole([one for one in lines if one.get("further")], "digits", "rq", 2, ())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("bin=8", "further: 'bin=8' must be a setting of a method and its value, such as bins=8; did you mean bins"),
        ("bins", "further: got 'bins', whose value must be a whole number"),
        ("temperature=low", "further: got 'temperature=low', whose value must be a number"),
        ("bins=8,bins=4", "further: got 'bins=8,bins=4', which names bins twice"),
        ("bins=0", "bins: got 0"),
        ("at=nowhere", "at: got 'nowhere'"),
        ("learning_rate=-1", "learning_rate"),
    ],
)
def test_a_further_configuration_that_is_none_is_refused(words: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        list(trials(settings(tmp_path, further=(words,))))


def test_a_trial_that_breaks_is_recorded_and_tried_again(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = room.__dict__["train"]
    rates: list[float] = []

    def train(training: Any, dataset: Dataset, *, kept: bool) -> Any:
        assert not kept  # so that an interruption does not say that a state is
        rates.append(training.learning_rate)
        if training.learning_rate == 3e-3 and len(rates) <= 2:
            raise RuntimeError("the machine\ncaught fire")
        return real(training, dataset, kept=kept)

    monkeypatch.setattr(room, "train", train)
    with pytest.raises(SystemExit):
        choose(settings(tmp_path))
    lines = read_trials(tmp_path / "exploration.jsonl")
    assert [line["status"] for line in lines] == ["ok", "failed: RuntimeError: the machine caught fire"]
    found = best(lines, "digits", "rq")
    assert found is not None
    assert found.tried == 2
    choose(settings(tmp_path))
    assert len(rates) == 3
    assert {line["status"] for line in read_trials(tmp_path / "exploration.jsonl")} == {"ok"}


def test_twice_the_steps_are_a_method_of_their_own_name(tmp_path: Path) -> None:
    cells = list(plans(BenchSettings(tasks="digits", methods="shed,shed@2x,rq", out=tmp_path, steps=30)))
    trained = {one.method: one.training for one in cells if one.training is not None}
    assert {name: one.steps for name, one in trained.items()} == {"none": 30, "shed": 30, "shed@2x": 60, "rq": 30}
    assert trained["shed@2x"].method == "shed"
    assert len({one.out for one in trained.values()}) == 4
    with pytest.raises(UserError, match="method: got 'shed@3x'"):
        list(plans(BenchSettings(tasks="digits", methods="shed@3x")))


def test_shards_are_even_and_mixed(tmp_path: Path) -> None:
    everything = list(trials(settings(tmp_path, tasks="digits,watch", methods="rq,emix,shed,crop+rq")))
    assert len(everything) == 64
    shards = [shared_out(everything, f"{number}/4") for number in (1, 2, 3, 4)]
    assert sorted(id(one) for shard in shards for one in shard) == sorted(map(id, everything))
    for shard in shards:
        assert len(shard) == 16
        assert len({one.method for one in shard}) >= 3
        assert len({one.number for one in shard}) >= 5


def test_several_processes_do_what_one_does() -> None:
    assert sorted(spread(abs, [-3, 2, -1], 2)) == [1, 2, 3]
    assert list(spread(abs, [-3, 2, -1], 1)) == [3, 2, 1]
