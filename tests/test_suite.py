"""bench: a suite's cells, an encoder shared by its tasks, shards that share nothing, and the published table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from randquant.bench import grid, suite
from randquant.bench.suite import Pair, bench, pairs, plans, share
from randquant.data import DATASETS, open_data
from randquant.data.dabs.published import published
from randquant.errors import UserError
from randquant.probe.score import Score
from randquant.settings import BENCHMARK_ENCODER, BenchSettings


def test_the_published_table_is_whole() -> None:
    rows = published()
    assert len(rows) == 34
    assert len({row.pretrain for row in rows}) == 7
    assert len({row.domain for row in rows}) == 7
    assert sum(row.figures["rq"] > row.figures["emix"] for row in rows) == 23  # as the fact sheet counts them
    (digits,) = (row for row in rows if row.task == "cifar10")
    assert digits.figures == {"none": 24.20, "emix": 39.43, "rq": 47.70}


def settings(**changes: Any) -> BenchSettings:
    return BenchSettings(**{"out": Path("here"), "tasks": "digits", "methods": "rq,crop+rq", "quiet": True} | changes)


def test_the_plain_rows_are_always_there_and_a_seed_is_finished_first() -> None:
    cells = list(plans(settings(seeds=2, seed=3)))
    assert [(cell.seed, cell.method) for cell in cells] == [
        (seed, method) for seed in (3, 4) for method in ("raw", "none", "rq", "crop+rq")
    ]
    assert cells[0].training is None
    assert all(cell.training is not None and cell.training.steps == 200 for cell in cells[1:4])
    assert {cell.suite for cell in cells} == {"mini"}


def test_the_benchmarks_protocol_is_that_of_its_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "pairs", lambda _: [Pair("digits", "digits")])
    *_, cell = plans(settings(suite="dabs", methods="emix"))
    assert cell.training is not None
    assert (cell.protocol, cell.training.steps, cell.training.learning_rate) == ("dabs", 100_000, 1e-4)
    assert cell.training.encoder == BENCHMARK_ENCODER
    assert cell.training.batch == DATASETS["digits"].batch


@pytest.mark.parametrize(
    ("changes", "equal"),
    [
        ({"dabs_faithful": True}, {"none", "emix"}),
        ({"dabs_faithful": True, "steps": 100_000}, {"none", "emix"}),
        ({}, set()),
        ({"dabs_faithful": True, "steps": 50}, set()),
        ({"dabs_faithful": True, "tasks": "cola"}, {"none", "emix"}),
        ({"dabs_faithful": True, "tasks": "stsb"}, {"none", "emix"}),
        ({"tasks": "stsb"}, set()),
        ({"dabs_faithful": True, "tasks": "chexpert"}, set()),
        ({"dabs_faithful": True, "tasks": "fluent_action"}, set()),
        ({"dabs_faithful": True, "tasks": "pamap2"}, set()),
        ({"dabs_faithful": True, "tasks": "paws_en"}, {"none"}),  # mC4, which it is pretrained on, is shuffled
    ],
)
def test_only_what_is_measured_as_published_stands_beside_it_as_equal(changes: dict[str, Any], equal: set[str]) -> None:
    cells = list(plans(settings(**{"suite": "dabs", "tasks": "cifar10", "methods": "rq,shed,emix"} | changes)))
    assert {cell.method for cell in cells if cell.comparable} == equal  # never RQ, whose code there is not public
    batch = cells[-1].training is not None and cells[-1].training.method_details.mixture_weights == "batch"
    assert batch == changes.get("dabs_faithful", False)


def test_what_is_of_one_suite_is_refused_in_the_other() -> None:
    with pytest.raises(UserError, match="explored: configurations are chosen for --suite mini alone"):
        settings(suite="dabs", explored=Path("exploration.jsonl"))
    with pytest.raises(UserError, match=r"dabs_faithful: keeps errors .* which do not concern --suite mini"):
        settings(dabs_faithful=True)


def test_what_was_scored_otherwise_is_measured_again() -> None:
    """The raw rows too, which no training tells apart."""
    by_default, faithful = (
        [one.config_hash for one in plans(settings(suite="dabs", tasks="cola", dabs_faithful=switch))]
        for switch in (False, True)
    )
    assert not set(by_default) & set(faithful)


def test_the_switch_reaches_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def score_task(*_: Any, faithful: bool, **__: Any) -> list[Score]:
        asked.append(faithful)
        return []

    monkeypatch.setattr(suite, "pairs", lambda _: [Pair("digits", "digits")])
    monkeypatch.setattr(suite, "_opened", lambda name, _: open_data(name))
    monkeypatch.setattr(grid, "score_task", score_task)
    for switch in (False, True):
        grid.measure(next(plans(settings(suite="dabs", dabs_faithful=switch))))  # the raw row
    assert asked == [False, True]


def test_tasks_of_one_pretraining_set_share_the_encoder_and_the_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, "twin", DATASETS["digits"])
    monkeypatch.setattr(suite, "pairs", lambda _: [Pair("digits", "digits"), Pair("twin", "digits")])
    cells = list(plans(settings(tasks="", methods="rq", seeds=3)))
    shards = [share(cells, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(id(cell) for shard in shards for cell in shard) == sorted(map(id, cells))
    assert all(shards)
    for shard in shards:
        others = [cell.training.out for other in shards if other is not shard for cell in other if cell.training]
        assert not {cell.training.out for cell in shard if cell.training} & set(others)
    encoders = [cell.training.out for cell in cells if cell.method == "rq" and cell.seed == 0 and cell.training]
    assert encoders == [Path("here/runs/digits-rq-seed0")] * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tasks": "bogus"}, "tasks: got 'bogus', must be of the suite mini"),
        ({"methods": "rq,bogus"}, "method: got 'bogus', must be one of"),
        ({"methods": "none@2x"}, "methods: got 'none@2x', but none takes no steps to double"),
        ({"methods": "rq+rq"}, "must name each partner once"),
    ],
)
def test_an_unknown_word_is_refused_before_anything_is_done(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        list(plans(settings(**changes)))


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", ""])
def test_a_shard_is_one_of_several(shard: str) -> None:
    with pytest.raises(UserError, match="shard: got"):
        settings(shard=shard)


def test_symbols_are_quantized_as_embeddings() -> None:
    assert suite._details("english_text", {})["method_details"].at == "embeddings"
    assert suite._details("images", {})["method_details"].at == "input"


def test_a_suite_is_measured_once_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = settings(out=tmp_path / "bench", methods="rq", steps=2, draws=0, one_penalty=True, device="cpu")
    assert bench(given) == tmp_path / "bench" / "report.html"
    before = (tmp_path / "bench" / "results.jsonl").read_text()
    assert {f'"method": "{name}"' in before for name in ("raw", "none", "rq")} == {True}
    assert bench(given).exists()
    assert (tmp_path / "bench" / "results.jsonl").read_text() == before
    assert "report: " in capsys.readouterr().err
    page = (tmp_path / "bench" / "report.html").read_text()
    assert "--tasks digits --seeds 1 --steps 2 --draws 0 --one-penalty" in page
    assert "penalty was not chosen" in page
    assert "penalty comes from" not in page


def test_the_tasks_of_the_suites() -> None:
    assert Pair("digits", "digits") in pairs("mini")
    assert Pair("clipart", "clipart") not in pairs("mini")  # its test part is kept for the recipes
    assert len(pairs("dabs")) == 34
