"""The grid and the main job: finished cells are kept, broken ones are recorded, nothing is drawn that is not real."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from randquant import __version__
from randquant.bench import grid, maps, quickstart
from randquant.bench.grid import Plan, Task, run_grid
from randquant.bench.maps import write_maps
from randquant.bench.quickstart import METHODS, plans
from randquant.bench.views import write_views
from randquant.data import Batch, Dataset, open_data
from randquant.errors import UserError
from randquant.methods.quantized import QuantizedInputs
from randquant.probe import extract, raw
from randquant.probe.score import MIDDLE
from randquant.quantize.bins import quantize_with_bins
from randquant.quantize.draw import Draws
from randquant.report import terminal
from randquant.report.flat import flat
from randquant.report.results import read
from randquant.report.table import tables
from randquant.run import Run, lines
from randquant.settings import MethodSettings, PretrainSettings, QuickstartSettings
from randquant.spec import Grid, Spec, Target, Tokens


def squares() -> Dataset:
    """A small task: 2x2 pictures of three classes."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(60) % 3
    pictures = torch.rand(60, 1, 2, 2, generator=generator) / 4 + target[:, None, None, None] * torch.eye(2) / 3
    spec = Spec((Grid(1, (2, 2), (1, 1)),), Target("class", 3))
    batch = Batch(torch.arange(60), (pictures,), target)
    return Dataset("squares", spec, {"train": batch, "test": batch}, classes=("low", "middle", "high"), domain="images")


def plan(folder: Path, method: str, *, seed: int = 0, **settings: Any) -> Plan:
    training = PretrainSettings(
        data="squares",
        method=method,
        out=folder / f"{method}-seed{seed}",
        seed=seed,
        batch=16,
        quiet=True,
        **{"steps": 2, "device": "cpu", **settings},
    )
    task = Task("squares", "images", squares)
    return Plan("test", task, method, seed, None if method == "raw" else training)


def lines_of(results: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in results.read_text().splitlines()]


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "DRAWS", 2)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that were trained or resumed while the test ran; a method called "broken" breaks."""
    names: list[str] = []
    real: Callable[..., Run] = grid.train

    def pretrain(settings: PretrainSettings, dataset: Dataset) -> Run:
        names.append(f"{settings.out.name}{' resumed' if settings.resume else ''}")
        if settings.weight_decay == 13:
            raise RuntimeError("the machine\ncaught fire")
        return real(settings, dataset)

    monkeypatch.setattr(grid, "train", pretrain)
    return names


def test_every_cell_gets_its_lines(tmp_path: Path, trained: list[str]) -> None:
    results = tmp_path / "new" / "results.jsonl"
    assert run_grid([plan(tmp_path, method) for method in ("raw", "none", "rq")], results, quiet=True) == []
    assert trained == ["none-seed0", "rq-seed0"]
    lines = lines_of(results)
    assert [line["method"] for line in lines] == ["raw"] * 14 + ["none"] * 14 + ["rq"] * 14
    assert {(line["suite"], line["domain"], line["task"], line["status"]) for line in lines} == {
        ("test", "images", "squares", "ok")
    }
    assert {(line["labels"], line["draw"]) for line in lines} == {
        *((count, draw) for count in ("1", "5", "20") for draw in range(2)), ("all", 0),
    }  # fmt: skip
    assert all(line["seconds"] > 0 and line["samples"] == 60 for line in lines)
    assert len({line["config_hash"] for line in lines}) == 3
    told = {(line["method"], line.get("steps"), line.get("precision")) for line in lines}
    assert told == {("raw", None, None), ("none", None, None), ("rq", 2, "32")}


def test_finished_cells_are_skipped(tmp_path: Path, trained: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / "results.jsonl"
    run_grid([plan(tmp_path, "none")], results, quiet=True)
    before = results.read_bytes()
    trained.clear()
    run_grid([plan(tmp_path, "none"), plan(tmp_path, "none", seed=1)], results)
    assert trained == ["none-seed1"]
    assert results.read_bytes().startswith(before)
    said = capsys.readouterr()
    assert said.out == ""
    assert "1/2  none, seed 0 on squares: finished before, skipped" in said.err
    assert "2/2  none, seed 1 on squares: linear" in said.err


def test_a_cell_of_another_version_is_skipped_and_said_to_be_that(
    tmp_path: Path, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.jsonl"
    run_grid([plan(tmp_path, "none")], results, quiet=True)
    results.write_text(results.read_text().replace(f'"version": "{__version__}"', '"version": "0.0.1"'))
    run_grid([plan(tmp_path, "none")], results)
    assert trained == ["none-seed0"]
    assert "1/1  none, seed 0 on squares: finished before by version 0.0.1, skipped" in capsys.readouterr().err


def test_other_settings_are_another_cell_and_the_newest_counts(tmp_path: Path, trained: list[str]) -> None:
    results = tmp_path / "results.jsonl"
    for steps in (2, 3, 2):
        run_grid([plan(tmp_path, "rq", steps=steps)], results, quiet=True)
    assert trained == ["rq-seed0"] * 3
    assert len(lines_of(results)) == 3 * 14
    assert len(read(results).scores) == 14
    assert Run.open(tmp_path / "rq-seed0").config["settings"]["steps"] == 2


def test_what_has_no_effect_does_not_count_as_a_setting(tmp_path: Path) -> None:
    one, other = plan(tmp_path, "rq"), plan(tmp_path / "elsewhere", "rq", log_every=1, save_every=7)
    assert one.config_hash == other.config_hash
    assert one.config_hash != plan(tmp_path, "rq", learning_rate=7e-3).config_hash
    assert one.config_hash != plan(tmp_path, "rq", seed=1).config_hash
    assert one.config_hash != plan(tmp_path, "emix").config_hash
    assert len(one.config_hash) == 16


def test_a_broken_cell_is_recorded_and_the_others_go_on(tmp_path: Path, trained: list[str]) -> None:
    results = tmp_path / "results.jsonl"
    broken = plan(tmp_path, "emix", weight_decay=13)
    assert run_grid([broken, plan(tmp_path, "none")], results, quiet=True) == [broken]
    first = lines_of(results)[0]
    assert first["status"] == "failed: RuntimeError: the machine caught fire"
    assert first["value"] is None
    assert set(lines_of(results)[1]) < set(first)
    assert "caught fire" in first["traceback"]
    assert {line["method"] for line in read(results).scores} == {"none"}
    trained.clear()
    assert run_grid([broken, plan(tmp_path, "none")], results, quiet=True) == [broken]
    assert trained == ["emix-seed0"]  # a failed cell is tried again
    assert run_grid([plan(tmp_path, "emix")], results, quiet=True) == []
    assert read(results).failures == ()


def words() -> Dataset:
    """A small task of symbols, which have no grid to be shifted."""
    target = torch.arange(60) % 3
    batch = Batch(torch.arange(60), (target[:, None].expand(60, 4),), target)
    return Dataset("words", Spec((Tokens(3, 4),), Target("class", 3)), {"train": batch, "test": batch}, domain="text")


def test_what_a_method_has_no_use_for_is_written_down_and_not_tried_again(tmp_path: Path, trained: list[str]) -> None:
    results = tmp_path / "results.jsonl"
    useless = dataclasses.replace(plan(tmp_path, "shift"), task=Task("words", "text", words))
    assert run_grid([useless], results) == run_grid([useless], results) == []
    (line,) = lines_of(results)
    assert line["status"].startswith("not applicable: ")
    assert trained == ["shift-seed0"]
    found = read(results)
    assert (found.scores, found.failures, len(found.inapplicable)) == ((), (), 1)


def test_an_interruption_passes_through_and_leaves_whole_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "results.jsonl"

    def interrupted(settings: PretrainSettings, dataset: Dataset) -> Run:
        raise SystemExit(130)

    monkeypatch.setattr(grid, "train", interrupted)
    with pytest.raises(SystemExit):
        run_grid([plan(tmp_path, "raw"), plan(tmp_path, "rq")], results, quiet=True)
    assert {line["method"] for line in lines_of(results)} == {"raw"}


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_an_interrupted_training_goes_on_where_it_stopped(device: str, tmp_path: Path, trained: list[str]) -> None:
    wanted = plan(tmp_path, "rq", device=device)
    assert wanted.training
    grid.train(wanted.training, wanted.task.open())  # trained, but killed before it was probed
    trained.clear()
    run_grid([wanted], tmp_path / "results.jsonl", quiet=True)
    assert trained == ["rq-seed0 resumed"]


@pytest.mark.parametrize("config", ["{", "{}", '{"settings": {}, "versions": {}}'])
def test_a_run_directory_of_something_else_is_made_anew(config: str, tmp_path: Path, trained: list[str]) -> None:
    run = tmp_path / "rq-seed0"
    run.mkdir()
    (run / "config.json").write_text(config)
    (run / "state-000000001.pt").write_text("not ours")
    assert run_grid([plan(tmp_path, "rq")], tmp_path / "results.jsonl", quiet=True) == []
    assert trained == ["rq-seed0"]


def test_a_torn_line_stays_on_its_own(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text('{"suite": "te')
    run_grid([plan(tmp_path, "raw")], results, quiet=True)
    found = read(results)
    assert (len(found.scores), found.damaged) == (14, 1)


def test_a_cell_is_written_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(lines.os, "fsync", lambda _: sizes.append((tmp_path / "results.jsonl").stat().st_size))
    run_grid([plan(tmp_path, "raw")], tmp_path / "results.jsonl", quiet=True)
    assert sizes == [0, (tmp_path / "results.jsonl").stat().st_size]


def test_a_folder_that_cannot_be_written_is_found_first(trained: list[str]) -> None:
    with pytest.raises(UserError, match=r"out: cannot write /dev/null/results\.jsonl"):
        run_grid([plan(Path("/dev/null"), "rq")], Path("/dev/null/results.jsonl"))
    assert trained == []


# Maps and views -------------------------------------------------------------------------------------------------------


def test_maps_are_of_the_features_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped: list[np.ndarray] = []

    def flattened(features: np.ndarray) -> np.ndarray:
        mapped.append(features)
        return features[:, :2].astype(float)

    monkeypatch.setattr(maps, "flat", flattened)
    cells = [plan(tmp_path, "raw"), plan(tmp_path, "rq")]
    run_grid(cells, tmp_path / "results.jsonl", quiet=True)
    path = tmp_path / "maps.json"
    write_maps(cells, path)
    batch = cells[0].task.open().parts["test"]
    assert np.array_equal(mapped[0], raw(batch))
    assert np.array_equal(mapped[1], extract(Run.open(tmp_path / "rq-seed0").encoder(), batch))
    content = json.loads(path.read_text())
    assert content["labels"] == batch.target.tolist()
    assert content["classes"] == ["low", "middle", "high"]
    assert np.array(content["images"]).shape == (60, 2, 2)
    assert np.allclose(content["maps"]["raw"], raw(batch)[:, :2], atol=0.01)
    write_maps(cells, path)
    assert len(mapped) == 2
    write_maps([cells[0], plan(tmp_path, "rq", steps=3)], path)
    assert len(mapped) == 3


def test_a_map_keeps_classes_together_and_is_the_same_each_time() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = (5 * np.eye(3, 8)[labels] + rng.normal(size=(60, 8))).astype(np.float32)
    places = flat(features)
    assert places.shape == (60, 2)
    assert np.array_equal(places, flat(features))
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(60)
    assert np.mean(labels[distance.argmin(axis=1)] == labels) > 0.9


def test_the_bins_that_are_drawn_are_those_of_the_view() -> None:
    pictures = open_data("digits").parts["train"].inputs[0][:50]
    keys = Draws(0, 0, torch.arange(50)).keys("rq/0", 1)
    drawn = quantize_with_bins(pictures, 8, keys)
    place = (pictures[:, 0, :, :, None] >= drawn.edges[:, 0, None, None, :]).sum(-1)  # [B, H, W]
    expected = drawn.values[:, 0].gather(1, place.flatten(1)).reshape(50, 8, 8)
    assert torch.allclose(drawn.after[:, 0], expected, atol=2e-6)
    assert all(len(picture.unique()) <= 8 for picture in drawn.after)


def test_views_are_those_of_the_training(tmp_path: Path) -> None:
    dataset = open_data("digits")
    write_views(dataset, tmp_path / "views.json", bins=8, seed=3)
    content = json.loads((tmp_path / "views.json").read_text())
    assert [sample["label"] for sample in content["samples"]] == ["0", "3", "6", "9"]
    batch = dataset.parts["train"]
    for sample in content["samples"]:
        row = next(i for i in range(900) if batch.inputs[0][i, 0].tolist() == sample["before"])
        assert int(batch.target[row]) == int(sample["label"])
        chosen = batch.take(torch.tensor([row]))
        views = [
            QuantizedInputs(dataset.spec, MethodSettings())(chosen.inputs, Draws(3, epoch, chosen.ids), view)[0][
                0, 0
            ].tolist()
            for epoch in range(2)
            for view in range(2)
        ]
        assert sample["after"] == views


# The main job ---------------------------------------------------------------------------------------------------------


def test_the_grid_of_the_main_job() -> None:
    cells = list(plans(QuickstartSettings(out=Path("here"), seeds=2, steps=7, device="cpu", quiet=True)))
    assert [(one.seed, one.method) for one in cells] == [(seed, method) for seed in (0, 1) for method in METHODS]
    assert list(METHODS) == ["raw", "none", "emix", "rq", "crop+rq"]
    assert [one.training is None for one in cells[:5]] == [True, False, False, False, False]
    trained = cells[-1].training
    assert trained
    assert (trained.out, trained.steps, trained.seed) == (Path("here/runs/crop+rq-seed1"), 7, 1)
    plain = {"method": "", "out": Path(), "method_details": MethodSettings()}
    same = [dataclasses.replace(one.training, **plain) for one in cells[1:5] if one.training]
    assert all(one == same[0] for one in same)  # nothing but the method and what it is told differs
    later = list(plans(QuickstartSettings(out=Path("here"), seed=5, seeds=2)))
    assert [one.seed for one in later[::5]] == [5, 6]


def test_the_main_job_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(maps, "flat", lambda features: features[:, :2].astype(float))  # t-SNE has a test of its own
    monkeypatch.setattr(import_module(quickstart.__module__), "Plan", partial(Plan, penalties=MIDDLE))
    out = tmp_path / "quickstart"
    settings = QuickstartSettings(out=out, steps=2, device="cpu", quiet=True)
    assert quickstart(settings) == out / "report.html"
    said = capsys.readouterr()
    rows, remarks = said.out.splitlines(), said.err.splitlines()  # a program reads the table alone
    assert rows[0].split("\t") == ["task", "method", "head", "labels", "accuracy", "spread_draws", "spread_seeds"]
    assert len(rows) == 1 + 5 * 8
    assert remarks[0] == f"report: {out / 'report.html'}"
    assert remarks[1].startswith(f"next: randquant quickstart --seeds 5 --out {out} --steps 2 ")
    assert {path.name for path in out.iterdir()} == {
        "results.jsonl", "runs", "maps.json", "views.json", "report.html", "report.md",
    }  # fmt: skip
    assert {path.name for path in (out / "runs").iterdir()} == {f"{method}-seed0" for method in list(METHODS)[1:]}
    text = (out / "report.html").read_text()
    assert "There is no" not in text
    assert text.count('class="map"') == 5
    results = (out / "results.jsonl").read_bytes()
    assert quickstart(settings) == out / "report.html"
    assert (out / "results.jsonl").read_bytes() == results
    assert (out / "report.html").read_text() == text


def test_a_failed_cell_ends_in_a_report_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(settings: PretrainSettings, dataset: Dataset) -> Run:
        raise UserError("learning_rate: the loss became nan at step 1")

    monkeypatch.setattr(grid, "train", broken)
    monkeypatch.setattr(maps, "flat", lambda features: features[:, :2].astype(float))
    with pytest.raises(SystemExit) as stopped:
        quickstart(QuickstartSettings(out=tmp_path, steps=1, device="cpu", quiet=True))
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "failed: rq, seed 0; the same command tries it again, the report says why" in said
    assert f"report: {tmp_path / 'report.html'}" in said
    text = (tmp_path / "report.html").read_text()
    assert text.count("failed: UserError: learning_rate: the loss became nan at step 1") == 4
    assert "No trained method has a result yet; these are the plain rows alone." in text


@pytest.mark.parametrize(("name", "value"), [("seeds", 0), ("steps", 0)])
def test_settings_of_the_main_job_that_are_wrong(name: str, value: int) -> None:
    with pytest.raises(UserError, match=f"{name}: got {value}, must be at least 1"):
        QuickstartSettings(**{name: value})


def test_a_reader_at_a_terminal_gets_a_wide_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [plan(tmp_path, method) for method in ("raw", "none")]
    run_grid([dataclasses.replace(one, suite="quickstart") for one in cells], tmp_path / "results.jsonl", quiet=True)
    monkeypatch.setattr("randquant.terminal.is_drawn", lambda: True)
    monkeypatch.setattr(terminal, "is_drawn", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    terminal.show(tables(read(tmp_path / "results.jsonl"))[0])
    said = capsys.readouterr().out
    first, second = (
        said.splitlines().index(row) for row in said.splitlines() if row.split()[-4:] == ["1", "5", "20", "all"]
    )
    assert said.splitlines()[first].startswith("Linear probe")
    assert said.splitlines()[second].startswith("Nearest neighbours")
    assert [said.splitlines()[row + 1].split()[0] for row in (first, second)] == ["Raw", "Raw"]
    assert max(map(len, said.splitlines())) <= 80
    assert "these are the plain rows alone." in " ".join(said.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="only a machine without a GPU refuses one")
def test_a_device_that_is_not_there_stops_the_main_job_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^device: got cuda"):
        quickstart(QuickstartSettings(out=tmp_path / "quickstart", device="cuda"))
    assert not (tmp_path / "quickstart").exists()
