"""recipes: each says what to expect; an ablation is a grid with paired seeds, a page and a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import torch

from randquant.data import DATASETS, Batch, Dataset
from randquant.errors import UserError
from randquant.recipes import RECIPES, ablation, recipe, told
from randquant.recipes.ablation import Ablation, check, plans, run_ablation
from randquant.recipes.ablation_page import write_page
from randquant.report import read
from randquant.settings import RecipeSettings
from randquant.spec import Grid, Spec, Target, Tokens


def waves(channels: int = 2) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(150) % 3
    values = torch.rand(150, channels, 8, generator=generator) + target[:, None, None] * torch.eye(8)[0] / 3
    spec = Spec((Grid(channels, (8,), (2,)),), Target("class", 3))
    batch = Batch(torch.arange(150), (values,), target)
    return Dataset("digits", spec, {"train": batch, "test": batch}, ("low", "middle", "high"), "sensor")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "open_data", lambda _: waves())
    monkeypatch.setattr(ablation, "partial", lambda function, name: waves)


def settings(folder: Path, **changes: Any) -> RecipeSettings:
    plain = {"action": "run", "name": "ablation-bins", "tasks": "digits", "steps": 2, "seeds": 2, "out": folder}
    return RecipeSettings(**{**plain, "device": "cpu", "quiet": True, **changes})


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_takes_and_what_to_expect(name: str) -> None:
    first, *others = told(name)
    assert first.endswith("?") or first.endswith(".")
    text = " ".join(" ".join(others).split())
    for wanted in (f"Command: randquant recipe run {name}", "Hardware: ", "Expected: "):
        assert wanted in text


def test_list_show_and_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    recipe(RecipeSettings(action="list"))
    assert [row.split("\t")[0] for row in capsys.readouterr().out.splitlines()] == ["recipe", *RECIPES]
    recipe(RecipeSettings(action="show", name="ablation-edges"))
    assert capsys.readouterr().out.splitlines() == told("ablation-edges")
    with pytest.raises(UserError, match=r"name: 'ablation-bin' is no recipe; did you mean ablation-bins\?"):
        recipe(RecipeSettings(action="show", name="ablation-bin"))
    for given in ({"data": "photographs"}, {"weights": Path("x.pth")}, {"scale": "tiny"}):
        with pytest.raises(UserError, match=f"{next(iter(given))}: ablation-edges takes none"):
            recipe(RecipeSettings(action="run", name="ablation-edges", **given))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="name: got none, but run needs an experiment"):
        RecipeSettings(action="run")
    with pytest.raises(UserError, match="name: got x, but list takes none"):
        RecipeSettings(action="list", name="x")


def test_seeds_are_paired_and_variants_differ_in_one_thing(tmp_path: Path) -> None:
    one = Ablation("ablation-edges", "edges", {"random": {}, "equal steps": {"edges": "uniform"}}, ("digits",))
    cells = list(plans(one, settings(tmp_path), tmp_path))
    assert [(cell.seed, cell.method) for cell in cells] == [
        (seed, method) for seed in (0, 1) for method in ("raw", "none", "random", "equal steps")
    ]
    first, second = (cell.training for cell in cells[2:4])
    assert first is not None
    assert second is not None
    before, after = first.decisive(), second.decisive()
    assert [name for name in before if before[name] != after[name]] == ["method_details"]
    assert {n for n, v in before["method_details"].items() if after["method_details"][n] != v} == {"edges"}
    assert first.out != second.out
    rounded = list(plans(one, settings(tmp_path, precision="bf16"), tmp_path))[2].training
    assert (first.precision, rounded and rounded.precision) == ("32", "bf16")


def test_an_ablation_leaves_a_page_with_its_picture(tmp_path: Path) -> None:
    one = Ablation("ablation-bins", "bins", {"2": {"bins": 2}, "8": {"bins": 8}}, ("digits",))
    page = run_ablation(one, settings(tmp_path)).read_text()
    scores = {
        (line["method"], line["head"], line["seed"]): line["value"] for line in read(tmp_path / "results.jsonl").scores
    }
    assert len(scores) == 4 * 2 * 2  # the two plain rows and the two variants
    mean = 50 * (scores["8", "knn", 0] + scores["8", "knn", 1])
    gap = mean - 50 * (scores["2", "knn", 0] + scores["2", "knn", 1])
    (row,) = (line for line in page.splitlines() if line.startswith("| digits | knn | 8 |"))
    assert f"| {mean:.1f} |" in row
    assert f"| {gap:+.1f} (" in row
    assert "mean over 2 seeds" in page
    assert "(ablation.svg)" in page
    texts = {node.text for node in ET.parse(tmp_path / "ablation.svg").iter() if node.text and node.text.strip()}
    assert texts
    assert (tmp_path / "report.html").is_file()


def test_a_page_of_nothing_and_of_failures_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("")
    assert "| data |" in write_page("x", "bins", ["2", "8"], read(tmp_path / "results.jsonl"), tmp_path).read_text()


def test_data_on_which_the_variants_are_the_same_are_refused() -> None:
    one = Ablation("ablation-channelwise", "bins of", {}, ("emoji_category", "watch"), fewest_channels=2)
    check(one, waves())
    with pytest.raises(UserError, match="tasks: digits has 1 channel, where the variants of ablation-channelwise"):
        check(one, waves(1))
    symbols = Dataset("words", Spec((Tokens(5, 3),), Target("class", 2)), waves().parts)
    with pytest.raises(UserError, match="tasks: words has no values, symbols alone"):
        check(one, symbols)
    assert {"emoji_category", "watch"} <= set(DATASETS)
