"""report: means and differences that mix settings are told, from lines and from runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from browser import in_browser, needs_browser
from randquant.report import write

TOLD = "Means and differences here mix settings."


def line(method: str, seed: int, **changes: Any) -> dict[str, Any]:
    return {
        "suite": "mini", "domain": "sensor", "task": "watch", "method": method, "seed": seed, "head": "linear",
        "labels": "all", "draw": 0, "metric": "linear_accuracy", "value": 0.5, "samples": 703, "chance": 0.1,
        "synthetic": False, "comparable": False, "seconds": 1.0, "status": "ok", "config_hash": f"{method}{seed}",
        "version": "0.1.0", **changes,
    }  # fmt: skip


def run(folder: Path, method: str, seed: int, **settings: Any) -> None:
    path = folder / "runs" / f"watch-{method}-seed{seed}"
    path.mkdir(parents=True)
    given = {"data": "watch", "method": method.removesuffix("@2x"), "seed": seed, "steps": 300, "precision": "32"}
    given |= {"out": str(path), "device": f"cuda:{seed}", "encoder": {"width": 96}, "method_details": {"bins": 8}}
    (path / "config.json").write_text(json.dumps({"settings": given | settings}))


def told(folder: Path, lines: list[dict[str, Any]]) -> str:
    """What the page and its sibling say of mixed settings, which is the same."""
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    page = write(folder, folder / "report.html")
    _, found, after = page.with_suffix(".md").read_text().partition(f"**{TOLD}** ")
    sentences = after.partition("\n")[0]
    html = page.read_text().replace('<span class="unbroken">e-Mix</span>', "e-Mix")
    assert (TOLD in html) == bool(found)
    assert not found or f"<strong>{TOLD}</strong> {sentences}</p>" in html
    return sentences


@pytest.mark.parametrize("suite", ["mini", "quickstart"])
def test_other_steps_for_some_seeds(suite: str, tmp_path: Path) -> None:
    lines = [line(method, seed, suite=suite) for method in ("raw", "none", "emix", "rq") for seed in range(5)]
    for method in ("none", "emix", "rq"):
        for seed in range(5):
            run(tmp_path, method, seed, steps=300 if seed < 3 else 600)
    assert told(tmp_path, lines) == "e-Mix and RQ on watch: steps 300 in seeds 0 to 2, 600 in seeds 3 and 4."


def test_two_methods_are_compared_that_were_trained_otherwise(tmp_path: Path) -> None:
    for seed in range(2):
        run(tmp_path, "rq", seed, precision="bf16", method_details={"bins": 4}, learning_rate=0.1)
        run(tmp_path, "emix", seed, learning_rate=0.2)
        run(tmp_path, "shed", seed)
        run(tmp_path, "shed@2x", seed, steps=600)
    lines = [line(method, seed) for method in ("emix", "rq", "shed", "shed@2x") for seed in range(2)]
    assert told(tmp_path, lines) == (
        "Methods that are compared on watch: precision bf16 of RQ, 32 of e-Mix, ShED and ShED@2x."
    )


def test_lines_alone_tell_it_too(tmp_path: Path) -> None:
    lines = [line("rq", seed, configuration={"at": "{input}"}) for seed in (0, 1, 2, 4)]
    lines += [line("rq", seed, configuration={"at": "both"}, steps=300 if seed == 5 else 600) for seed in (5, 7)]
    lines += [line("emix", seed, penalty=0.5, configuration={"at": "input"}) for seed in (0, 1)]
    lines += [line("none", 0), line("none", 1, version="0.2.0"), line("raw", 0), line("raw", 1, samples=9)]
    assert told(tmp_path, lines).split(". ") == [
        "RQ on watch: at {input} in seeds 0 to 2 and 4, both in seeds 5 and 7",
        "RQ on watch: steps 300 in seed 5, 600 in seed 7",
        "Random encoder on watch: version 0.1.0 in seed 0, 0.2.0 in seed 1",
        "Raw values on watch: test samples 703 in seed 0, 9 in seed 1",
        "Methods that are compared on watch: penalty chosen of RQ and Random encoder, 0.5 of e-Mix.",
    ]


def test_runs_without_a_score_and_broken_ones_say_nothing(tmp_path: Path) -> None:
    run(tmp_path, "rq", 0)
    run(tmp_path, "rq", 1, steps=600)
    run(tmp_path, "crop", 0, steps=9)
    run(tmp_path, "rq", 2)
    (tmp_path / "runs" / "watch-rq-seed2" / "config.json").write_text('{"settings": 3}')
    assert told(tmp_path, [line("rq", 0), line("rq", 2)]) == ""


@needs_browser
def test_it_fits_on_a_phone(tmp_path: Path) -> None:
    told(tmp_path, [line(method, seed, version=f"0.{seed}.0") for method in ("emix", "rq") for seed in range(9)])
    found = in_browser(tmp_path / "report.html", 390, tmp_path)
    assert (found["width"], found["overflowing"]) == (390, 0)
    assert "e-Mix and RQ on watch: version 0.0.0 in seed 0, 0.1.0 in seed 1" in found["text"]
