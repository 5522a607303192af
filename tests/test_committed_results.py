"""docs/results: committed lines are whole and mix no settings but precision, and the page is what they say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from browser import in_browser, needs_browser
from randquant.bench.explored import best, read_trials
from randquant.recipes.ablation_page import write_page
from randquant.recipes.ablations import BINS, CHANNELWISE, EDGES, VALUES
from randquant.report import read, write
from randquant.report.looks import PLAIN

RESULTS = Path(__file__).parents[1] / "docs" / "results"
TOLD = "Means and differences here mix settings."


@pytest.mark.parametrize("name", ["mini", "quickstart", "evidence-views", "evidence-supervised"])
def test_nothing_is_damaged_or_mixed(name: str, tmp_path: Path) -> None:
    text = (RESULTS / f"{name}.jsonl").read_text()
    (tmp_path / "results.jsonl").write_text(text)
    page = write(tmp_path, tmp_path / "report.html").with_suffix(".md").read_text()
    told = page.partition(TOLD)[2].partition("\n")[0].strip()
    mixed = told.removesuffix(".").split(". ") if told else []
    # What was added to a task later may be in bfloat16, which docs/results/mini-findings.md compares with 32 bits.
    assert [one for one in mixed if name != "mini" or ": precision 32 of RQ" not in one] == []
    assert len(read(tmp_path / "results.jsonl").scores) == len(text.splitlines())


def test_the_mini_page_is_the_report_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text((RESULTS / "mini.jsonl").read_text())
    made = write(tmp_path, tmp_path / "report.html").with_suffix(".md").read_text()
    comment, _, page = (RESULTS / "mini.md").read_text().partition("-->\n\n")
    assert comment.startswith("<!-- ")
    assert page == made


def test_every_confirmed_configuration_was_the_best_of_eight_trials() -> None:
    trials = read_trials(RESULTS / "mini-exploration.jsonl")
    lines = [json.loads(row) for row in (RESULTS / "mini.jsonl").read_text().splitlines()]
    chosen = [line for line in lines if line["method"] not in PLAIN]
    assert chosen
    for line in chosen:
        found = best(trials, line["task"], line["method"].removesuffix("@2x"))
        assert found is not None
        assert found.tried == 8
        assert line["configuration"] == found.configuration.to_dict()
        assert line["seed"] not in {one["seed"] for one in trials}


@needs_browser
def test_the_mini_page_fits_a_sheet_of_paper(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text((RESULTS / "mini.jsonl").read_text())
    found = in_browser(write(tmp_path, tmp_path / "report.html"), 700, tmp_path, printed=True)
    assert (found["width"], found["beyond"]) == (700, [])
    minus = chr(0x2212)
    told = "\n".join(found["headers"])
    for look in (
        "Raw values",
        "crop + RQ",
        "mask + RQ",
        "ShED@2x",
        "uniform",
        f"RQ {minus} e-Mix",
        f"(mask + RQ) {minus} mask",
    ):
        assert told.count(look) >= 2, look  # by the linear probe, and by neighbours
    assert all(len(one.split("\t")) <= 9 for one in found["headers"])


@pytest.mark.parametrize("folder", sorted(RESULTS.glob("ablation-*/")), ids=lambda folder: folder.name)
def test_the_page_of_an_ablation_is_made_of_its_lines(folder: Path, tmp_path: Path) -> None:
    (ablation,) = (one for one in (CHANNELWISE, EDGES, VALUES, BINS) if one.name == folder.name)
    results = read(folder / "results.jsonl")
    page = write_page(ablation.name, ablation.property, list(ablation.variants), results, tmp_path)
    assert page.read_text() == (folder / page.name).read_text()
    assert (folder / "ablation.svg").is_file()
    cells = Counter((line["task"], line["method"], line["head"]) for line in results.scores if line["labels"] == "all")
    assert set(cells.values()) == {5}
    assert {method for _, method, _ in cells} == {"raw", "none", *ablation.variants}
