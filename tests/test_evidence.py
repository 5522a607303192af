"""evidence: rates are chosen on validation parts, confirmed on other seeds, and every claim has a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from randquant.data import Batch, Dataset
from randquant.errors import UserError
from randquant.recipes import RECIPES, evidence
from randquant.recipes.claims import Claim, told
from randquant.recipes.evidence import DEVELOPMENT, opened
from randquant.report import read
from randquant.report.paired import Gap
from randquant.report.results import Results
from randquant.settings import RecipeSettings
from randquant.spec import Grid, Spec, Target


def pictures(_: str = "") -> Dataset:
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(90) % 3
    values = torch.rand(90, 3, 16, 16, generator=generator) / 2 + torch.eye(3)[target][:, :, None, None] / 2
    spec = Spec((Grid(3, (16, 16), (8, 8)),), Target("class", 3))
    train, test = (Batch(ids, (values[ids],), target[ids]) for ids in (torch.arange(60), torch.arange(60, 90)))
    return Dataset("clipart", spec, {"train": train, "test": test}, ("red", "green", "blue"), "images")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "open_data", pictures)
    for name, value in (
        ("BATCH", 16),
        ("SUPERVISED_BATCH", 8),
        ("EPOCHS", 3),
        ("SIZES", (24, 0)),
        ("DEVELOPMENT", (1000,)),
    ):
        monkeypatch.setattr(evidence, name, value)


def settings(folder: Path, name: str, **changes: Any) -> RecipeSettings:
    return RecipeSettings(action="run", name=name, out=folder, seeds=2, device="cpu", quiet=True, **changes)


def test_views_are_chosen_confirmed_and_not_done_again(tmp_path: Path) -> None:
    given = settings(tmp_path, "evidence-views", steps=2)
    page = RECIPES["evidence-views"](given)
    results = read(tmp_path / "results.jsonl")
    rows = ["crop", "crop+rq", "crop+rq, shared bins", "full", "full+rq"]
    cells = {(line["suite"], line["method"], line["seed"]) for line in results.scores}
    assert cells == {
        *(("evidence-views", row, seed) for row in ("raw", "none", *rows) for seed in (0, 1)),
        *(("evidence-views-development", f"{row} at {rate:g}", 1000) for row in rows for rate in (1e-3, 3e-3)),
    }
    assert all("blocks" in line for line in results.scores)
    text = page.read_text()
    assert "| crop+rq is above crop, shared bins |" not in text
    for claim in (
        "crop+rq is above crop",
        "crop+rq is above crop+rq, shared bins",
        "full+rq is at most 1 points below full",
    ):
        assert text.count(f"| {claim} | ") == 2  # heads
    assert "| views | rate 0.001 | rate 0.003 |" in text
    kept = (tmp_path / "results.jsonl").read_bytes()
    RECIPES["evidence-views"](given)
    assert (tmp_path / "results.jsonl").read_bytes() == kept


def test_supervised_with_few_samples_and_with_all(tmp_path: Path) -> None:
    page = RECIPES["evidence-supervised"](settings(tmp_path, "evidence-supervised"))
    scores = {
        (line["method"], line["seed"]): line["value"]
        for line in read(tmp_path / "results.jsonl").scores
        if line["suite"] == "evidence-supervised"
    }
    assert set(scores) == {(row, seed) for row in ("24", "24 + rq", "all", "all + rq") for seed in (0, 1)}
    assert max(scores.values()) > 0.6  # of three colours
    assert "| all + rq is at most 1 points below all | linear | " in page.read_text()


def test_what_is_chosen_on_is_not_the_test_part() -> None:
    seen = opened(0, 1000, validation=True)
    assert not set(seen.parts["test"].ids.tolist()) & set(pictures().parts["test"].ids.tolist())
    assert not set(seen.parts["test"].ids.tolist()) & set(seen.parts["train"].ids.tolist())
    few, other = (opened(24, seed).parts for seed in (0, 1))
    assert len(few["train"].ids) == 24
    assert few["test"].ids.tolist() == pictures().parts["test"].ids.tolist()
    assert few["train"].ids.tolist() != other["train"].ids.tolist()
    with pytest.raises(UserError, match="has 60 training samples, but 61 are asked for"):
        opened(61, 0)


def test_what_evidence_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tasks: evidence-views takes none"):
        RECIPES["evidence-views"](settings(tmp_path, "evidence-views", tasks="digits"))
    with pytest.raises(UserError, match="seed: 1000 and 1000 choose the rates"):
        RECIPES["evidence-views"](settings(tmp_path, "evidence-views", seed=999))
    with pytest.raises(UserError, match="steps: evidence-supervised takes none"):
        RECIPES["evidence-supervised"](settings(tmp_path, "evidence-supervised", steps=1))
    assert DEVELOPMENT == (1000, 1001)


@pytest.mark.parametrize(
    ("interval", "ahead", "no_worse"),
    [
        ((0.002, 0.010), "yes", "yes"),
        ((-0.004, 0.010), "inconclusive", "yes"),
        ((-0.012, 0.010), "inconclusive", "inconclusive"),
        ((-0.015, -0.002), "no", "inconclusive"),
        ((-0.030, -0.012), "no", "no"),
        (None, "inconclusive", "inconclusive"),
    ],
)
def test_verdicts(interval: tuple[float, float] | None, ahead: str, no_worse: str) -> None:
    gap = Gap(0.0, interval, 5)
    assert Claim("a", "b").verdict(gap) == ahead
    assert Claim("a", "b", 1.0).verdict(gap) == no_worse


def test_a_claim_counts_the_lines_of_its_suite_alone() -> None:
    def line(suite: str, method: str, seed: int, value: float) -> dict[str, Any]:
        return {"suite": suite, "method": method, "seed": seed, "value": value, "head": "knn", "labels": "all"}

    lines = [line("x", "a", seed, 0.5 + seed / 100) for seed in (0, 1)] + [line("x", "b", seed, 0.4) for seed in (0, 1)]
    lines += [line("x-development", "b", 0, 0.9)]
    table = list(told([Claim("a", "b"), Claim("a", "c")], Results(tuple(lines), ()), "x", ["linear", "knn"]))
    assert len(table) == 3
    assert table[2].startswith("| a is above b | knn | +10.5 (")
