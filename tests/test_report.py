"""The page as a reader meets it: in a browser, on a phone, from whole and from broken folders."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from browser import in_browser, needs_browser
from randquant import report
from randquant.errors import UserError
from randquant.probe.unseen import SEEN, TAUGHT
from randquant.report import curves, looks, maps, views
from randquant.report.findings import duration, findings, listed
from randquant.report.looks import CLASS_COLOURS
from randquant.report.pictures import png, sheet
from randquant.report.results import newest_runs, read
from randquant.report.runs import TrainedRun
from randquant.report.table import Column, Table, tables
from randquant.settings import ReportSettings

METHODS = ("raw", "none", "emix", "rq", "crop+rq")
LABELS = ("1", "5", "20", "all")
# Accuracies by method, one a number of labels; the same for both heads.
STORY = {
    "raw": (0.60, 0.82, 0.91, 0.96),
    "none": (0.25, 0.55, 0.80, 0.93),
    "emix": (0.50, 0.78, 0.89, 0.94),
    "rq": (0.58, 0.81, 0.90, 0.948),
    "crop+rq": (0.65, 0.86, 0.925, 0.95),
}


def line(method: str, head: str, labels: str, value: float, *, seed: int = 0, draw: int = 0, **more: Any) -> dict:
    given_ = {
        "suite": "quickstart", "domain": "images", "task": "digits", "method": method, "seed": seed, "head": head,
        "labels": labels, "draw": draw, "metric": f"{head}_accuracy", "value": value, "samples": 8990, "seconds": 61.0,
        "status": "ok", "config_hash": f"hash-{method}", "version": "0.1.0",
    }  # fmt: skip
    return given_ | more


def failure(method: str, seed: int = 0, status: str = "failed: ValueError: the loss broke") -> dict:
    broken = line(method, "", "", 0, seed=seed, status=status)
    return {name: value for name, value in broken.items() if name not in ("head", "labels", "metric", "value", "draw")}


def cell(method: str, values: tuple[float, ...], seed: int = 0) -> list[dict]:
    """All lines of a cell: five draws around the value where labels are few."""
    return [
        line(method, head, labels, value + (0.01 * (draw - 2) if labels != "all" else 0), seed=seed, draw=draw)
        for head in ("linear", "knn")
        for labels, value in zip(LABELS, values, strict=True)
        for draw in range(1 if labels == "all" else 5)
    ]


def write_results(folder: Path, lines: list[dict]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def write_folder(folder: Path, seeds: int = 1) -> Path:
    """A whole quickstart folder, made up."""
    shifted = {
        seed: {m: tuple(v + 0.01 * seed for v in values) for m, values in STORY.items()} for seed in range(seeds)
    }
    write_results(folder, [one for seed in shifted for m in METHODS for one in cell(m, shifted[seed][m], seed)])
    for seed in range(seeds):
        for method in METHODS[1:]:
            run = folder / "runs" / f"{method}-seed{seed}"
            run.mkdir(parents=True)
            settings = {"method": method, "seed": seed, "out": str(run), "steps": 600, "encoder": {"width": 96}}
            settings["learning_rate"] = 0.002 if method == "emix" else 0.001
            versions = {"randquant": "0.1.0", "torch": "2.9.9"}
            (run / "config.json").write_text(json.dumps({"settings": settings, "versions": versions}))
            steps = range(10, 110, 10) if method != "none" else ()
            lines = [{"step": s, "loss": 5 / s, "accuracy": s / 110, "effective_rank": 9.0 + s / 10} for s in steps]
            (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    rng = np.random.default_rng(0)
    labels = [i % 10 for i in range(40)]
    content = {
        "how": "Made for a test.",
        "labels": labels,
        "classes": list("0123456789"),
        "images": rng.random((40, 8, 8)).tolist(),
        "maps": {method: rng.normal(size=(40, 2)).tolist() for method in METHODS},
    }
    (folder / "maps.json").write_text(json.dumps(content))
    sample = {
        "label": "3",
        "before": rng.random((8, 8)).tolist(),
        "after": rng.random((4, 8, 8)).tolist(),
        "low": 0.0,
        "high": 1.0,
        "edges": np.sort(rng.random((4, 7)), axis=1).tolist(),
        "values": np.sort(rng.random((4, 8)), axis=1).tolist(),
    }
    (folder / "views.json").write_text(json.dumps({"bins": 8, "samples": [sample, sample | {"label": "7"}]}))
    return folder


def page_of(folder: Path) -> str:
    return report.write(folder, folder / "report.html").read_text(encoding="utf-8")


# In the browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_folder(tmp_path_factory.mktemp("whole") / "quickstart", seeds=2)
    return report.write(folder, folder / "report.html")


@pytest.fixture(scope="module")
def on_desk(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_browser(whole, 1200, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def on_phone(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_browser(whole, 390, tmp_path_factory.mktemp("phone"))


@needs_browser
def test_all_parts_are_there(on_desk: dict[str, Any]) -> None:
    assert on_desk["sections"] == [
        "Results", "What randomized quantization does", "Maps of the features", "Training", "How it was made",
    ]  # fmt: skip
    assert [row[0] for row in on_desk["cells"]] == ["Raw pixels", "Random encoder", "e-Mix", "RQ", "crop + RQ"]
    assert {len(row) for row in on_desk["cells"]} == {1 + 2 * len(LABELS)}
    assert on_desk["best"] == 8
    assert on_desk["tinted"] == ["96.5", "96.5"]
    training = ["Loss", "Pairs told apart", "Directions the features fill"]
    assert on_desk["charts"] == ["Linear probe", "Nearest neighbours", *training]
    assert [re.findall(r"e-Mix (?:ends at )?([\d.]+)", said)[0] for said in on_desk["alts"]] == [
        "50.5", "50.5", "0.05", "90.9", "19",
    ]  # fmt: skip
    assert min(on_desk["paths"]) > 10
    assert on_desk["images"] == 2 * (1 + 4)
    assert on_desk["marks"] == [40] * 5
    for words in ("randquant quickstart --seeds 2 --steps 600", "torch 2.9.9", "encoder.width", "1 min 1 s"):
        assert words in on_desk["text"]
    assert "learning_rate\temix: 0.002, others: 0.001" in on_desk["text"]


@needs_browser
def test_it_reads_aloud(on_desk: dict[str, Any]) -> None:
    assert on_desk["unnamed"] == 0
    levels = [level for level, _ in on_desk["headings"]]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert on_desk["links"] == []
    assert len(on_desk["ids"]) == len(set(on_desk["ids"]))


@needs_browser
@pytest.mark.parametrize("place", ["on_desk", "on_phone"])
def test_it_loads_nothing_and_fits(place: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(place)
    assert found["loaded"] == []
    assert found["blank"] == 0
    assert found["width"] == {"on_desk": 1200, "on_phone": 390}[place]
    assert found["overflowing"] == 0


@needs_browser
def test_on_a_phone_the_table_scrolls_in_its_own_box(on_phone: dict[str, Any], on_desk: dict[str, Any]) -> None:
    assert on_phone["scrolls"][0]
    assert not any(on_desk["scrolls"])


@needs_browser
def test_pointing_at_a_sample_shows_it_on_every_map(on_desk: dict[str, Any]) -> None:
    assert on_desk["shown"] == 5
    assert on_desk["loupe"] is False


@needs_browser
def test_colours_are_the_methods_own(on_desk: dict[str, Any]) -> None:
    light = looks.looks(["raw"])["raw"].light
    assert on_desk["colour"] == f"rgb({int(light[1:3], 16)}, {int(light[3:5], 16)}, {int(light[5:], 16)})"


@needs_browser
def test_an_empty_folder_opens_as_a_sentence(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "empty", [])
    found = in_browser(report.write(folder, folder / "report.html"), 390, tmp_path)
    assert found["headings"][0] == [1, "Nothing has been measured yet."]
    assert found["width"] == 390
    assert found["links"] == []


# The file -------------------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    assert "http" not in text
    outside = [
        target for target in re.findall(r'(?:src|href)="([^"]*)"', text) if not target.startswith(("data:", "#"))
    ]
    assert outside == []
    assert not re.search(r'url\((?!"data:|#)', text)
    assert "@import" not in text
    assert whole.stat().st_size < 2_000_000


def test_curves_say_what_they_are(whole: Path) -> None:
    text = whole.read_text(encoding="utf-8")
    assert (
        "Losses of different methods are not comparable with each other. Fainter lines are further seeds.</p>" in text
    )


def test_the_same_folder_gives_the_same_page(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    assert page_of(folder) == page_of(folder)
    assert not list(folder.glob("*.part"))


def test_markdown_has_the_same_numbers(whole: Path) -> None:
    text = whole.with_suffix(".md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows[2:7]] == [
        "Raw pixels", "Random encoder", "e-Mix", "RQ", "crop + RQ",
    ]  # fmt: skip
    assert {row.count("|") for row in rows[:7]} == {10}
    assert "| **96.5** ± 0.7 seeds |" in rows[2]
    assert text.count("\n\n\n") == 0
    assert text.startswith("# With 1, 5 and 20 labels a class, crop + RQ beats raw pixels")


def test_words_of_a_failure_cannot_change_the_page(tmp_path: Path) -> None:
    lines = [*cell("raw", STORY["raw"]), failure("rq", status="failed: <script>alert(1)</script>"), failure('a"<b>')]
    text = page_of(write_results(tmp_path, lines))
    assert "<script>alert" not in text
    assert "failed: &lt;script&gt;alert(1)" in text
    assert "<b>," not in text


def test_no_results_and_no_room_to_write_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*results\.jsonl"):
        report.write(tmp_path, tmp_path / "report.html")
    folder = write_results(tmp_path / "some", cell("raw", STORY["raw"]))
    with pytest.raises(UserError, match=r"out: cannot write /dev/null/report\.html"):
        report.write(folder, Path("/dev/null/report.html"))


def test_the_command_says_where_the_page_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_results(tmp_path, cell("raw", STORY["raw"]))
    assert report.report(ReportSettings(folder=folder)) == folder / "report.html"
    assert report.report(ReportSettings(folder=folder, out=tmp_path / "new" / "page.html")).is_file()
    assert capsys.readouterr().out.splitlines() == [
        f"report: {folder / 'report.html'}", f"report: {tmp_path / 'new' / 'page.html'}",
    ]  # fmt: skip


# Folders that are not whole -------------------------------------------------------------------------------------------


def test_a_failed_cell_is_shown_and_the_others_stand(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart", seeds=2)
    with (folder / "results.jsonl").open("a") as file:
        file.write(json.dumps(failure("rq", seed=1)) + "\n")
        file.write(json.dumps(failure("emix", seed=0)) + "\n" + json.dumps(failure("emix", seed=1)) + "\n")
    text = page_of(folder)
    assert "What failed" in text
    assert "RQ, seed 1 on digits: failed: ValueError: the loss broke</strong>" in text
    assert "1 seed failed" in text
    assert "1 of 2 seeds" in text
    emix = next(row for row in tables(read(folder / "results.jsonl"))[0].rows if row.method == "emix")
    assert emix.cells == (None,) * 8
    assert emix.failed == 2
    assert 'aria-label="nothing measured"' in text


def test_only_failures(tmp_path: Path) -> None:
    text = page_of(write_results(tmp_path, [failure(method) for method in METHODS]))
    assert "No cell has finished yet, so there is nothing to compare." in text
    assert text.count("the loss broke") == 5


@pytest.mark.parametrize("broken", ["{", "[]", "{}", '{"samples": 3, "maps": 3, "labels": [1], "classes": []}', "null"])
def test_files_beside_the_results_may_be_missing_or_broken(broken: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    for path in [*folder.glob("*.json"), *folder.glob("runs/*/*")]:
        path.write_text(broken)
    text = page_of(folder)
    for name in ("views.json", "maps.json"):
        assert f"{name} could not be read and is left out." in text
        assert f"{name} could not be read and is left out." in (folder / "report.md").read_text()
    assert re.findall(r'<a href="#(\w+)">', text) == ["results", "failed", "made"]
    assert re.findall(r'<section[^>]* id="(\w+)"', text) == ["results", "failed", "made"]
    assert "crop + RQ beats raw pixels" in text
    shutil.rmtree(folder / "runs")
    (folder / "maps.json").unlink()
    (folder / "views.json").unlink()
    text = page_of(folder)
    assert text.count("crop + RQ beats") == 1
    assert re.findall(r'<a href="#(\w+)">', text) == ["results", "made"]
    assert ".json" not in text


def test_a_map_that_lacks_points_is_not_drawn(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    content = json.loads((folder / "maps.json").read_text())
    content["maps"]["rq"].pop()
    (folder / "maps.json").write_text(json.dumps(content))
    assert maps.maps(folder) is None


def test_a_loss_that_is_no_number_is_a_gap(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    with (folder / "runs" / "rq-seed0" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 110, "loss": NaN}\n{"step": 120, "loss": 2.0}\n{"step": 130, "lo')
    assert "Pairs told apart" in page_of(folder)


def test_methods_heads_and_label_counts_that_nobody_knows(tmp_path: Path) -> None:
    lines = [*cell("raw", STORY["raw"]), *cell("none", STORY["none"]), *cell("mask+sorcery", (0.7, 0.9, 0.95, 0.97))]
    lines += [line("mask+sorcery", "forest", "50", 0.9), line("capri", "linear", "all", 0.5)]
    folder = write_results(tmp_path, lines)
    text = page_of(folder)
    table = tables(read(folder / "results.jsonl"))[0]
    assert [row.look.title for row in table.rows] == ["Raw pixels", "Random encoder", "Capri", "mask + sorcery"]
    assert [column for column in table.columns if column.head == "forest"] == [Column("forest", "50")]
    assert "mask + sorcery beats the plain rows with 1, 5 and 20 labels a class and with all labels (1 seed)." in text
    assert len({row.look.light for row in table.rows}) == len(table.rows)


def test_several_tasks_have_a_section_each(tmp_path: Path) -> None:
    lines = [one | {"task": task} for task in ("digits", "letters") for m in METHODS for one in cell(m, STORY[m])]
    text = page_of(write_results(tmp_path, lines))
    assert "Results on digits" in text
    assert "Results on letters" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


# Which lines count ----------------------------------------------------------------------------------------------------


def values_of(folder: Path, method: str) -> list[float]:
    return sorted(one["value"] for one in read(folder / "results.jsonl").scores if one["method"] == method)


def test_the_newest_run_of_a_cell_counts(tmp_path: Path) -> None:
    old = [line("rq", "linear", "all", 0.5, config_hash="a"), line("rq", "knn", "all", 0.6, config_hash="a")]
    new = [line("rq", "linear", "all", 0.7, config_hash="b")]
    assert values_of(write_results(tmp_path, old + new), "rq") == [0.7]
    assert values_of(write_results(tmp_path, old + new + old), "rq") == [0.5, 0.6]
    assert values_of(write_results(tmp_path, old + old), "rq") == [0.5, 0.6]


def test_a_failure_counts_until_the_cell_is_done_again(tmp_path: Path) -> None:
    good, bad = line("rq", "linear", "all", 0.5), failure("rq")
    results = read(write_results(tmp_path, [good, bad]) / "results.jsonl")
    assert (results.scores, len(results.failures)) == ((), 1)
    results = read(write_results(tmp_path, [bad, bad, good]) / "results.jsonl")
    assert ([one["value"] for one in results.scores], results.failures) == ([0.5], ())


def test_torn_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = write_results(tmp_path, cell("raw", STORY["raw"]))
    with (folder / "results.jsonl").open("a") as file:
        file.write('{"suite": "quick\n[1]\n{"suite": "quickstart"}\n')
        for value in ("high", float("nan")):
            file.write(json.dumps(line("rq", "linear", "all", 0.5) | {"value": value}) + "\n")
    assert read(folder / "results.jsonl").damaged == 5
    assert "5 lines of results.jsonl could not be read and are left out." in page_of(folder)
    assert len(newest_runs(folder / "results.jsonl")) == 1


def test_variants_of_an_ablation_are_told_apart(tmp_path: Path) -> None:
    bins = ("16", "2", "4")
    lines = [line(m, "linear", "all", 0.5 + int(m) / 100, suite="ablation-bins") for m in bins]
    for variant in bins:
        run = tmp_path / "runs" / f"digits-{variant}-seed0"
        run.mkdir(parents=True)
        settings = {"data": "digits", "method": "rq", "seed": 0, "method_details": {"bins": int(variant)}}
        (run / "config.json").write_text(json.dumps({"settings": settings}))
        (run / "metrics.jsonl").write_text("".join(json.dumps({"step": s, "loss": 1 / s}) + "\n" for s in (1, 2, 3)))
    text = page_of(write_results(tmp_path, lines))
    rows = re.findall(r"</span>(\d+ bins)</th>", text)
    assert rows == ["2 bins", "4 bins", "16 bins"]
    assert "frozen features of 16 bins names 66.0%" in text
    assert "16 bins are highest with all labels" in text
    assert "Loss (its scale differs from method to method: compare the shape) against the step. 2 bins ends at" in text
    curves_ = text.partition('<h2 id="training-title">')[2].partition("<section")[0]
    assert [len(re.findall(rf">{name}</text>", curves_)) for name in rows] == [1, 1, 1]
    assert "urther seeds" not in text
    assert "opacity: 0.45" not in curves_
    assert "<td>2: 2, 4: 4, 16: 16</td>" in text


# Folders of one run --------------------------------------------------------------------------------------------------


def write_run(folder: Path, lines: list[dict], **config: Any) -> str:
    """A run's own folder, and the page of it."""
    write_results(folder, lines)
    settings = {"method": "rq", "seed": 0, "data": "d/sensor.npy", "steps": 20, "out": str(folder)}
    (folder / "config.json").write_text(json.dumps({"settings": settings, **config}))
    looked = [{"step": step, "loss": 5 / step, "validation_accuracy": step / 40} for step in (5, 10, 15, 20)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in looked))
    return page_of(folder)


def test_the_page_of_a_run_says_what_was_measured_in_it(tmp_path: Path) -> None:
    lines = [
        line(method, "knn", labels, value + gain * fold, draw=fold, samples=36, seconds=1.5, suite="probe", domain="")
        for method, value, gain in (("raw", 0.6, 0), ("none", 0.5, 0), ("rq", 0.8, 0.01))
        for fold in range(5)
        for labels in ("5", "all")
    ]
    text = write_run(tmp_path, lines)
    assert "logged a training step" not in text
    assert '<h3 class="title">Loss</h3>' in text
    assert "<dt>to probe 3 cells</dt><dd>22 s</dd>" in text  # 3 rows, 5 folds, 1.5 s
    assert "train and probe" not in text
    assert "With 180 test samples" in text
    assert "Whiskers are the larger of the spreads in the table, cut at 100." in text
    assert "± folds: standard deviation over 5 parts that were tested in turn" in text
    assert "± 1.6 folds</small>" in text
    assert "draws" not in text
    assert "Accuracy in percent of a probe on frozen features" in text
    assert "what a healthy run looks like.</p>" in text  # no other methods, no further seeds
    assert "The plain rows learn nothing: raw values are the samples themselves and the random encoder is the" in text
    assert "<code>steps</code></th><td>20</td>" in text
    markdown = (tmp_path / "report.md").read_text()
    assert "82.0** ± 1.6 folds" in markdown
    more = [one | {"task": "other", "metric": "knn_pearson"} for one in lines]
    write_run(tmp_path, lines + more)
    whole = (tmp_path / "report.md").read_text()
    assert "| digits | +32.0 (one seed) | +22.0 (one seed) |" in whole  # the mean over folds, as in the table
    assert "mean of" not in whole
    assert "No mean" not in whole
    page = (tmp_path / "report.html").read_text()
    assert "domains" not in page.partition("<body>")[2]
    assert re.findall(r'<a href="#(\w+)">', page) == ["tasks", "results", "training", "made"]


def test_the_first_sentence_says_that_inputs_were_seen(tmp_path: Path) -> None:
    lines = [line(m, "knn", "all", 0.5, task=f"d.npy ({SEEN})", suite="probe") for m in ("raw", "rq")]
    assert f"<h1>On {SEEN}, no trained method beats" in write_run(tmp_path, lines)
    assert f"<h1>On {SEEN}, RQ beats the plain" in write_run(
        tmp_path, [one | {"value": 0.9} if one["method"] == "rq" else one for one in lines]
    )
    other = [one | {"task": f"other ({SEEN})"} for one in lines]
    assert f"<h1>On {SEEN}, by nearest neighbours, no trained" in write_run(tmp_path, lines + other)
    unseen = [one | {"task": "other"} for one in lines]
    assert f"<h1>In part on {SEEN}, by nearest neighbours, no trained" in write_run(tmp_path, lines + unseen)
    assert SEEN not in write_run(tmp_path, unseen)
    taught = [one | {"task": f"d.npy ({TAUGHT})"} for one in lines]
    assert f"<h1>On {TAUGHT}, no trained method beats" in write_run(tmp_path, taught)
    assert f"<h1>In part on {TAUGHT}, by nearest neighbours, no trained" in write_run(tmp_path, lines + taught)


def test_the_page_of_a_fine_tuning_speaks_of_no_probe(tmp_path: Path) -> None:
    def told(draws: int, scratch: float = 1.0) -> str:
        lines = [
            line(method, "finetune", "5", value, draw=draw, suite="finetune", domain="")
            for method, value in (("raw", 0.9), ("scratch", scratch), ("rq", 0.95))
            for draw in range(draws)
        ]
        return write_run(tmp_path, lines, finetune={"data": "d/sensor.npy", "seed": 3, "steps": 77, "run": "runs/x"})

    text = told(1)
    assert "<h1>RQ, fine-tuned, is not shown to beat raw values or the encoder from scratch: a single draw of" in text
    for wrong in ("probe", "frozen", "random encoder", " wins", " win ", "Features"):
        assert wrong not in text.partition("<h1>")[2].partition('id="made"')[0], wrong
    assert "encoders that were trained whole, by the number of labels a class they were trained with." in text
    assert (
        "The plain rows learn nothing without labels: raw values are the samples themselves, under a logistic" in text
    )
    assert "the encoder from scratch is the same network, trained on the same labels and on nothing else." in text
    assert "Validation part while fine-tuning" in text
    assert "<code>steps</code></th><td>77</td>" in text
    assert "to fine-tune 3 cells" in text
    assert "Whiskers" not in text
    assert "The training is a fine-tuning, that of the pretrained encoder with all labels.</p>" in text
    assert "Both encoders had the same head, order of samples and steps." in text
    assert "penalty" not in text
    assert (
        "is not shown to beat raw values or the encoder from scratch; with 5 labels a class, the encoder from "
        in told(3)
    )
    assert "No trained" not in told(3)
    assert "RQ beats the plain rows with 5 labels a class (1 seed)" in told(3, 0.8)


# Numbers and sentences ------------------------------------------------------------------------------------------------


def table_of(tmp_path: Path, story: dict[str, tuple[float, ...]], seeds: int = 1) -> Table:
    lines = [one for seed in range(seeds) for method, values in story.items() for one in cell(method, values, seed)]
    return tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0]


def test_mean_and_both_spreads(tmp_path: Path) -> None:
    values = {0: (0.1, 0.2, 0.6), 1: (0.4, 0.5, 0.6), 2: (0.9, 0.8, 0.7)}
    lines = [line("rq", "linear", "5", v, seed=s, draw=d) for s, some in values.items() for d, v in enumerate(some)]
    value = tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0].rows[0].cells[0]
    assert value is not None
    means = [np.mean(some) for some in values.values()]
    assert value.mean == pytest.approx(np.mean(means))
    assert value.seeds == pytest.approx(np.std(means, ddof=1))
    assert value.draws == pytest.approx(np.mean([np.std(some, ddof=1) for some in values.values()]))
    assert value.count == 3


def test_one_seed_has_no_spread_over_seeds_and_the_page_says_so(tmp_path: Path) -> None:
    table = table_of(tmp_path, STORY)
    assert all(cell_.seeds is None for row in table.rows for cell_ in row.cells if cell_)
    assert "one seed" in findings(table).spread
    assert "one seed" not in findings(table_of(tmp_path, STORY, seeds=3)).spread


HEADLINES = {
    "With 1, 5 and 20 labels a class, crop + RQ beats raw pixels (1 seed); with all labels, raw pixels win": STORY,
    "RQ beats the plain rows with 1, 5 and 20 labels a class and with all labels (1 seed)": {
        "raw": (0.5, 0.6, 0.7, 0.8), "none": (0.4, 0.5, 0.6, 0.7), "rq": (0.6, 0.7, 0.8, 0.9),
    },
    "With all labels, RQ beats the random encoder (1 seed); with 1 and 5 labels a class, raw pixels win": {
        "raw": (0.7, 0.8, 0.7, 0.8), "none": (0.4, 0.5, 0.6, 0.85), "rq": (0.6, 0.7, 0.7, 0.9),
    },
    "No trained method beats the plain rows here: with 1 and 5 labels a class and with all labels, raw pixels win": {
        "raw": (0.7, 0.8, 0.9, 0.95), "none": (0.4, 0.5, 0.6, 0.7), "rq": (0.6, 0.7, 0.902, 0.9),
    },
    "No trained method beats the plain rows here": {"raw": (0.7,) * 4, "rq": (0.702,) * 4},
    "No trained method has a result yet; these are the plain rows alone": {"raw": (0.7,) * 4, "none": (0.5,) * 4},
    "e-Mix and RQ probed, without a plain row to compare with": {"emix": (0.7,) * 4, "rq": (0.5,) * 4},
}  # fmt: skip


@pytest.mark.parametrize("headline", HEADLINES)
def test_the_headline_says_what_the_table_shows(headline: str, tmp_path: Path) -> None:
    assert findings(table_of(tmp_path, HEADLINES[headline])).headline == headline


def test_a_headline_tells_of_another_head_that_says_the_contrary(tmp_path: Path) -> None:
    values = {"raw": (0.5, 0.9, 0.95), "none": (0.4, 0.4), "rq": (0.7, 0.6)}  # of boosted trees there is raw alone
    lines = [
        line(method, head, "all", value)
        for method, some in values.items()
        for head, value in zip(("linear", "knn", "boosted"), some, strict=False)
    ]
    table = tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0]
    assert findings(table).headline == (
        "RQ beats the plain rows with all labels (1 seed); by nearest neighbours, with all labels, raw pixels win"
    )


def test_a_lead_that_hangs_on_the_draw_is_no_lead(tmp_path: Path) -> None:
    def headline(gaps: list[float]) -> str:
        lines = [line("raw", "linear", "5", 0.8, draw=draw) for draw in range(5)]
        lines += [line("rq", "linear", "5", 0.8 + gap, draw=draw) for draw, gap in enumerate(gaps)]
        return findings(tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0]).headline

    assert headline([0.02, 0.03, 0.02, 0.03, 0.02]) == "RQ beats the plain rows with 5 labels a class (1 seed)"
    assert headline([0.14, -0.06, 0.10, -0.08, 0.02]) == "No trained method beats the plain rows here"


@pytest.mark.parametrize(("metric", "samples"), [("linear_accuracy", 16), ("linear_auroc", 9000)])
def test_a_single_value_of_few_samples_or_no_share_is_no_lead(metric: str, samples: int, tmp_path: Path) -> None:
    values = {"raw": 14 / 16, "rq": 1.0}
    lines = [line(m, "linear", "all", value, metric=metric, samples=samples) for m, value in values.items()]
    table = tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0]
    assert findings(table).headline == "No trained method beats the plain rows here"


def test_a_lead_that_hangs_on_the_test_groups_is_no_lead(tmp_path: Path) -> None:
    def headline(right: list[int]) -> str:
        samples = [20] * 5
        lines = []
        for seed in range(3):
            for method, counts in (("raw", [10] * 5), ("rq", right)):
                blocks = {"added": counts, "samples": samples}
                lines.append(line(method, "knn", "all", sum(counts) / 100, seed=seed) | {"blocks": blocks})
        return findings(tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0]).headline

    assert headline([12, 13, 12, 11, 12]) == "RQ beats the plain rows with all labels"
    assert headline([20, 20, 10, 5, 5]) == "No trained method beats the plain rows here"


def test_the_sentence_under_the_table_names_every_leader(tmp_path: Path) -> None:
    said = findings(table_of(tmp_path, STORY)).winners
    assert said == (
        "Linear probe: raw pixels are highest with all labels; crop + RQ is highest with 1, 5 and 20 labels a class. "
        "Nearest neighbours: raw pixels are highest with all labels; crop + RQ is highest with 1, 5 and 20 labels a "
        "class."
    )
    said = findings(table_of(tmp_path, STORY, seeds=3)).winners
    assert said == (
        "Linear probe: raw pixels win with all labels; crop + RQ leads with 1, 5 and 20 labels a class. "
        "Nearest neighbours: raw pixels win with all labels; crop + RQ leads with 1, 5 and 20 labels a class."
    )
    tied = findings(table_of(tmp_path, STORY | {"rq": STORY["crop+rq"], "raw": (0.1,) * 4}, seeds=3)).winners
    assert tied.startswith("Linear probe: no plain row wins; RQ and crop + RQ share the lead with 1, 5 and 20 labels")


def test_the_numbers_in_the_lede_are_the_tables(tmp_path: Path) -> None:
    lede = findings(table_of(tmp_path, STORY)).lede
    assert "With 5 labels a class" in lede
    for number in ("86.0%", "82.0% for raw pixels", "55.0% for the random encoder", "95.0% under crop + RQ"):
        assert number in lede


def test_small_words() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [duration(s) for s in (1.23, 47, 200, 240, 7500)] == ["1.2 s", "47 s", "3 min 20 s", "4 min", "2 h 5 min"]


# Drawings -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 100), min_size=1, max_size=12), st.floats(0.1, 10))
def test_names_beside_lines_never_touch_and_keep_their_order(places: list[float], gap: float) -> None:
    moved = curves._apart(sorted(places), gap)
    assert len(moved) == len(places)
    assert all(after - before >= gap * (1 - 1e-9) for before, after in pairwise(moved))
    if all(after - before >= gap for before, after in pairwise(sorted(places))):
        assert moved == pytest.approx(sorted(places))


def ticks(svg: str) -> list[list[float]]:
    """The numbers at the ticks of the axes of a drawing, x before y."""
    found = re.findall(r'id="[^"]*(x|y)tick_\d+">.*?<text[^>]*>([^<]*)</text>', svg, re.DOTALL)
    return [[float(text.replace(chr(0x2212), "-")) for side, text in found if side == axis] for axis in "xy"]


def test_steps_are_whole_and_shares_end_at_100(tmp_path: Path) -> None:
    metrics = tuple({"step": step, "loss": 1.0 / step, "accuracy": min(step / 4, 1)} for step in range(1, 6))
    run = TrainedRun("digits", "rq", 0, {}, metrics, "rq")
    seen = looks.looks(["rq"])
    loss, told_apart = curves.training_curves([run], seen, "t")
    assert ticks(loss.svg)[0] == [0, 1, 2, 3, 4, 5]
    xs, ys = ticks(told_apart.svg)
    assert all(x == round(x) for x in xs)
    assert (min(ys) >= 0, max(ys)) == (True, 100)
    lines = [line("rq", "knn", labels, 0.9 + 0.05 * draw, draw=draw) for labels in ("1", "5") for draw in range(3)]
    (few,) = curves.few_label_curves(tables(read(write_results(tmp_path, lines) / "results.jsonl"))[0], "f")
    assert max(ticks(few.svg)[1]) <= 100


@needs_browser
def test_a_single_chart_is_no_wider_than_a_reader_needs(tmp_path: Path) -> None:
    lines = [line("rq", "finetune", labels, 0.9, suite="finetune") for labels in ("1", "5")]
    page = report.write(write_results(tmp_path, lines), tmp_path / "report.html")
    assert max(in_browser(page, 1200, tmp_path)["chart_widths"]) <= 34 * 16


def test_colours_can_be_told_from_each_other_in_the_drawings() -> None:
    seen = looks.looks([*METHODS, "a", "b", "c", "d", "e", "f"])
    assert len({look.light for look in seen.values()}) == len({look.dark for look in seen.values()}) == 11


def contrast(colour: str, paper: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(text: str) -> float:
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_stands_out_on_both_papers() -> None:
    pairs = [(look.light, look.dark) for look in looks.looks([*METHODS, *"abcdef"]).values()]
    for light, dark in [*pairs, *CLASS_COLOURS]:
        assert contrast(light, "#fcfcfa") >= 3
        assert contrast(dark, "#141518") >= 3


def test_bins_fill_the_axis_and_hold_their_values(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    drawn = views.views(folder)
    assert drawn is not None
    given_ = json.loads((folder / "views.json").read_text())["samples"][0]
    for drawing, edges in zip(drawn.samples[0].draws, given_["edges"], strict=True):
        assert len(drawing.bins) == 8
        assert sum(one.width for one in drawing.bins) == pytest.approx(1)
        assert [one.left for one in drawing.bins[1:]] == pytest.approx(edges)
    assert max(drawn.samples[0].bars) == 1


def test_a_picture_is_dark_where_the_value_is_high(tmp_path: Path) -> None:
    values = np.array([[0.0, 1.0], [0.5, 2.0]])
    data = base64.b64decode(png(values).removeprefix("data:image/png;base64,"))
    assert imread(io.BytesIO(data))[..., 0] == pytest.approx(np.array([[1.0, 0.0], [0.5, 0.0]]), abs=0.01)
    tiles = np.arange(3)[:, None, None] * np.ones((3, 2, 2))
    assert sheet(tiles, across=2).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 0, 0], [2, 2, 0, 0]]


def test_maps_keep_their_shape(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "quickstart")
    content = json.loads((folder / "maps.json").read_text())
    content["maps"] = {"rq": [[0, 0], [2, 0], [2, 1], *([[1, 0.5]] * 37)]}
    (folder / "maps.json").write_text(json.dumps(content))
    drawn = maps.maps(folder)
    assert drawn is not None
    assert drawn.points["rq"][:4] == [(10, 295), (390, 295), (390, 105), (200, 200)]
