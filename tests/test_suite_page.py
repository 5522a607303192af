"""The page of a suite, on a desk and on a phone: means as bars, samples, curves and times by task, failures in red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from randquant import report
from randquant.report.samples import samples
from test_report import in_browser, needs_browser

METHODS = ("raw", "none", "emix", "rq")
DOMAINS = {"cifar10": "images", "audio_mnist": "speech", "pamap2": "sensor", "vqa": "vision_language"}


def line(task: str, method: str, seed: int, value: float) -> dict[str, Any]:
    return {
        "suite": "dabs", "domain": DOMAINS[task], "task": task, "method": method, "seed": seed, "head": "linear",
        "labels": "all", "draw": 0, "metric": "linear_accuracy", "value": value, "samples": 100, "chance": 0.1,
        "synthetic": task == "vqa", "comparable": method == "rq", "seconds": 90.0, "status": "ok", "config_hash": "x",
        "version": "0",
    }  # fmt: skip


def views(shape: list[int], kind: str = "values") -> dict[str, Any]:
    size = 1
    for side in shape:
        size *= side
    numbers = [float(place) for place in range(size)]
    return {"kind": kind, "shape": shape, "before": numbers, "after": [numbers[::-1], numbers]}


SHAPES = {"images": [[3, 8, 8]], "speech": [[1, 6, 6]], "sensor": [[6, 20]], "vision_language": [[3, 8, 8], [24, 5]]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    lines = [
        line(task, method, seed, 0.3 + 0.1 * place + 0.01 * seed)
        for task in DOMAINS
        for place, method in enumerate(METHODS)
        for seed in range(2)
        if (task, method) != ("pamap2", "emix")
    ]
    broken = line("pamap2", "emix", 0, 0) | {"status": "failed: RuntimeError: the loss broke"}
    lines.append({name: value for name, value in broken.items() if name not in ("head", "labels", "value")})
    useless = line("audio_mnist", "crop", 0, 0) | {"status": "not applicable: method: crop was given no grid"}
    lines += [useless, line("cifar10", "crop", 0, 0.5)]
    (folder / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    for data in ("imagenet", "librispeech"):
        for method in ("emix", "rq"):
            run = folder / "runs" / f"{data}-{method}-seed0"
            run.mkdir(parents=True)
            settings = {"data": data, "method": method, "steps": 9, "width": 7 if data == "imagenet" else 8}
            (run / "config.json").write_text(json.dumps({"settings": settings}))
            steps = [{"step": step, "loss": 5 / step, "accuracy": 0.5} for step in (1, 2, 3)]
            (run / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in steps))
    shown = [
        {
            "domain": domain,
            "task": task,
            "bins": 8,
            "synthetic": task == "vqa",
            "inputs": [views(shape, "embeddings" if shape[0] == 24 else "values") for shape in SHAPES[domain]],
        }
        for task, domain in DOMAINS.items()
    ]
    (folder / "samples.json").write_text(json.dumps({"samples": shown}))
    return report.write(folder, folder / "report.html")


@needs_browser
@pytest.mark.parametrize("width", [1200, 390])
def test_a_reader_finds_every_part(width: int, page: Path, tmp_path: Path) -> None:
    found = in_browser(page, width, tmp_path)
    assert found["sections"][:2] == ["All tasks", "Mean of each domain"]
    assert found["sections"][-4:] == ["What failed", "What randomized quantization does", "Training", "How it was made"]
    assert found["width"] <= width
    assert (found["loaded"], found["blank"], found["unnamed"], found["overflowing"], found["links"]) == (
        [],
        0,
        0,
        0,
        [],
    )
    assert len(found["ids"]) == len(set(found["ids"]))
    assert found["images"] == 3 * 4  # what is no signal, as it is and in two views
    assert found["charts"] == ["imagenet: loss", "librispeech: loss"]  # one number of labels makes no curve
    for words in (
        "No mean: vision language.",
        "e-Mix, seed 0 on pamap2: failed: RuntimeError: the loss broke",
        "crop on audio_mnist: method: crop was given no grid",
        "signal: 3 of its 6 channels",
        "embeddings: a column for each of 5 symbols, a row for each of 24 dimensions",
        "emix on librispeech: 8",
        "--methods emix,rq,crop --tasks cifar10,audio_mnist,pamap2,vqa --seeds 2 --steps 9",
        "The head and its settings are the benchmark",
    ):
        assert words in found["text"], words


def test_failures_are_red_and_bars_are_as_long_as_the_means(page: Path) -> None:
    html, markdown = page.read_text(), page.with_suffix(".md").read_text()
    assert html.count('<span class="failed">failed</span>') == 1
    assert html.count('<div class="meter">') == (len(METHODS) + 1) + len(METHODS) + (len(METHODS) - 1)
    # images, speech, where crop is of no use, and the sensor, where e-Mix failed
    assert '<i style="width: 60.5%;' in html  # rq: 0.6 and 0.61
    assert html.count("<small>not applicable</small>") == 1
    assert "| failed [" in markdown
    assert "| not applicable |" in markdown
    assert "| all cells together | 12 min |" in markdown  # 4 tasks, 2 seeds, 90 s
    assert "No mean: vision language." in markdown


@needs_browser
@pytest.mark.parametrize("width", [1200, 390])
def test_two_suites_in_one_folder_have_a_table_each(width: int, tmp_path: Path) -> None:
    mini = [
        line("pamap2", method, seed, 0.4) | {"suite": "mini", "task": "watch", "penalty": 1.0}
        for method in METHODS
        for seed in range(3)
    ]
    dabs = [line(task, method, 0, 0.5) for task in ("cifar10", "audio_mnist") for method in METHODS]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [*mini, *dabs]))
    for data, steps in (("watch", 600), ("imagenet", 9), ("librispeech", 9)):
        run = tmp_path / "runs" / f"{data}-rq-seed0"
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps({"settings": {"data": data, "method": "rq", "steps": steps}}))
    page = report.write(tmp_path, tmp_path / "report.html")
    found = in_browser(page, width, tmp_path)
    assert found["sections"][:4] == [
        "All tasks of mini", "Mean of each domain of mini", "All tasks of dabs", "Mean of each domain of dabs",
    ]  # fmt: skip
    assert (found["width"], found["overflowing"], found["unnamed"], found["links"]) == (width, 0, 0, [])
    assert len(found["ids"]) == len(set(found["ids"]))
    markdown = page.with_suffix(".md").read_text()
    for text in (found["text"], markdown):
        assert (
            "mini: by linear probe, no trained method beats the plain rows on watch; dabs: by linear probe, no " in text
        )
        assert "--suite mini --methods emix,rq --tasks watch --seeds 3 --steps 600 --draws 0 --one-penalty\n" in text
        assert "--suite dabs --methods emix,rq --tasks cifar10,audio_mnist --seeds 1 --steps 9\n" in text
    assert "dabs: The head and its settings are the benchmark" in found["text"]
    assert "s penalty was not chosen: it is the same for every row." in found["text"]
    html_of_mini = page.read_text().partition("All tasks of dabs</h2>")[0].partition("All tasks of mini</h2>")[2]
    assert "published" not in html_of_mini


@pytest.mark.parametrize("broken", ["{", '{"samples": 3}', '{"samples": [{"domain": "images"}]}', "null"])
def test_samples_may_be_missing_or_broken(broken: str, tmp_path: Path) -> None:
    assert samples(tmp_path) == ()
    (tmp_path / "samples.json").write_text(broken)
    assert samples(tmp_path) == ()


def test_an_area_is_not_called_accuracy(tmp_path: Path) -> None:
    lines = [
        line("cifar10", method, 0, value) | {"suite": "own", "metric": "linear_auroc", "domain": "medical"}
        for method, value in (("raw", 0.5), ("none", 0.6), ("rq", 0.7))
    ]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    text = report.write(tmp_path, tmp_path / "report.html").read_text()
    assert "AUROC times 100 of a probe on frozen features" in text
    assert "reaches 70.0 (AUROC times 100), against" in text
    assert "ccuracy" not in text
