"""The page of a run: whole and half a run, pictures, sparklines and words, a phone, the keyboard."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import paths
from browser import in_browser, needs_browser
from randquant import cli
from randquant.data import Batch, Dataset
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.run import Run
from randquant.run.card import card
from randquant.settings import ViewSettings
from randquant.spec import Spec, Target
from randquant.view.command import html
from randquant.view.tiles import near, tiles
from samples import SMALL, SPECS, batch

CLASSES = ("apple", "pear", "plum")
METRICS = ("loss", "accuracy", "effective_rank", "feature_spread")


def labelled(kind: str, count: int = 24) -> Dataset:
    spec = Spec(SPECS[kind].inputs, Target("class", 3))
    samples = batch(spec, count)._replace(target=torch.arange(count) % 3)
    return Dataset(kind, spec, {"train": samples}, CLASSES)


def run_in(folder: Path, kind: str, steps: int = 3) -> Run:
    settings = {"data": kind, "method": "rq", "steps": 3, "batch": 8, "seed": 0, "encoder": {"width": 16}}
    run = Run.create(folder, {"settings": settings, "spec": SPECS[kind].to_dict()})
    for step in range(1, steps + 1):
        run.log({"step": step, **dict.fromkeys(METRICS, 1 / step)})
    run.save_encoder(make_encoder(SPECS[kind], SMALL, 0))
    return run


def test_samples_of_ones_own_are_called_as_their_owner_does(tmp_path: Path) -> None:
    from randquant.data import open_data

    people = open_data(str(paths.people(tmp_path)), label="y", group="person")
    words = tiles(people, people.held("train")).words
    rows = (tmp_path / "people.csv").read_text().splitlines()
    for row in (0, 3):  # in the fourth a cell is empty
        _, age, income, city, *_ = rows[1 + row].split(",")
        shown = [f"age {float(age):.4g}", f"income {float(income):.4g}" if income else "income missing", f"city {city}"]
        assert words[row] == ", ".join(shown)
    assert people.called(3) == "sample 3"
    assert people.title == "people.csv"
    series = open_data(str(paths.long(tmp_path)), id="series", time="when", label="y", group="person")
    assert series.called(3) == "s3"
    pictures = tiles(series, series.held("train")).pictures
    assert pictures is not None
    ends = [int((picture < 1).any(axis=(0, 2)).nonzero()[0].max()) for picture in pictures]
    assert ends[0] < 24  # 10 of 32 steps
    assert ends[-1] == 71
    texts = open_data(str(paths.texts(tmp_path)))
    assert tiles(texts, texts.held("train")).words[1].strip() == "the film number 1 was good"


def settings(run: Run, **changed: object) -> ViewSettings:
    return replace(ViewSettings(run=run.path, device="cpu"), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", SPECS)
def test_every_kind_of_data_has_a_page(kind: str, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", kind)
    page = html(run, labelled(kind), settings(run))
    assert page.count("<li>\n") + page.count('<li class="query">\n') == 3 * 6  # a query a class, with five neighbours
    grids = kind in ("1d", "ragged", "2d", "3d", "image+text")
    assert page.count("<img ") == (3 * 6 if grids else 0)
    assert ("#loupe i { background-image" in page) == grids
    assert page.count('class="words"') == (0 if kind in ("1d", "ragged", "2d", "3d") else 3 * 6)
    assert "http" not in page.replace("http://www.w3.org", "")
    for name in CLASSES:
        assert f"</b> {name}</li>" in page


def test_labels_are_not_needed(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "2d")
    page = html(run, Dataset("2d", SPECS["2d"], {"train": batch(SPECS["2d"], 9)}), settings(run, queries=2))
    assert page.count(">•</text>") == 9
    assert "would by chance" not in page
    assert "No probe of this run was found" in page


def test_few_labels_come_from_the_results_beside_the_run(tmp_path: Path) -> None:
    run = run_in(tmp_path / "runs" / "rq-seed0", "2d")
    lines = [
        {
            "suite": "probe", "domain": "", "task": "2d", "method": method, "seed": 0, "head": "linear",
            "labels": labels, "draw": 0, "metric": "linear_accuracy", "value": value, "status": "ok",
            "config_hash": "x", "seconds": 1.0, "chance": 0.3, "samples": 9,
        }
        for method, worth in (("raw", 0.5), ("none", 0.4), ("rq", 0.6))
        for labels, value in (("1", worth), ("all", worth + 0.1))
    ]  # fmt: skip
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = html(run, labelled("2d"), settings(run))
    assert "Linear probe" in page
    assert "RQ 60.0, 70.0" in page
    assert "No probe" not in page
    assert page.count(".looks-few-0 { --method-0: #5f6673;") == 1  # raw comes first, in its own colour
    (run.path / "results.jsonl").write_text("")
    assert "No probe" in html(run, labelled("2d"), settings(run))


def test_a_probe_keeps_what_it_read_with_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    words = f"--steps 2 --batch 8 --width 8 --depth 1 --mlp-width 8 --device cpu --quiet --out {run}"
    assert cli.main(["pretrain", "digits", *words.split()]) == 0
    assert (run / "README.md").read_text().startswith("# rq on digits\n")
    assert cli.main(["probe", str(run), "digits", "--draws", "1", "--quiet", "--device", "cpu"]) == 0
    assert {json.loads(line)["method"] for line in (run / "results.jsonl").read_text().splitlines()} == {
        "raw",
        "none",
        "rq",
    }
    assert cli.main(["view", str(run), "--samples", "40", "--device", "cpu"]) == 0
    capfd.readouterr()
    page = (run / "view.html").read_text()
    assert page.count('<div class="looks-few-0">') == 1
    assert "Linear probe" in page


def test_a_run_that_was_stopped_says_so(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "2d", steps=2)
    assert "has not reached its end: 3 steps were planned" in html(run, labelled("2d"), settings(run))
    (run.path / "metrics.jsonl").write_text("")
    assert "fewer than two steps" in html(run, labelled("2d"), settings(run))


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "1d")
    assert html(run, labelled("1d"), settings(run)) == html(run, labelled("1d"), settings(run))


def test_what_stands_in_the_data_cannot_break_the_page(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "tokens")
    evil = replace(labelled("tokens"), words=("</script><script>alert(1)</script>",) * 11, classes=("<b>", "&", '"'))
    page = html(run, evil, settings(run))
    assert "<script>alert" not in page
    assert "<b>B</b>" not in page.replace('<b class="', "")


def test_neighbours_are_the_nearest_by_angle() -> None:
    features = np.array([[1.0, 0], [5, 1], [0, 1], [0.1, 9], [-1, 0]])
    assert near(features, [0, 2], 2) == [[1, 3], [3, 1]]
    assert near(np.zeros((3, 2)), [1], 5) == [[0, 2, 1]]


def test_tiles_show_what_is_there() -> None:
    dataset = labelled("2d")
    small = tiles(dataset, dataset.parts["train"].take(torch.arange(24)))
    assert small.pictures is not None
    assert small.pictures.shape == (24, 4, 6, 3)
    assert np.allclose(small.pictures[0].transpose(2, 0, 1), dataset.held("train").inputs[0][0])
    signal = torch.zeros(2, 2, 12)
    signal[1, :, 6:] = 1
    line = tiles(labelled("1d"), Batch(torch.arange(2), (signal,))).pictures
    assert line is not None
    dark = line[1, :, :, 0] < 1
    assert dark[-5:, :30].any()  # low at first
    assert not dark[-5:, 50:].any()
    assert dark[:5, 50:].any()  # then high
    flat = line[0, :, :, 0] < 1
    assert flat.any(0).all()  # a constant is a line all the same


def test_the_card_says_what_a_stranger_needs(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "image+text")
    text = card(run)
    assert text.startswith("# rq on image+text\n")
    assert "`float32 [B, 3, 4, 6]`, 3 channels on a grid" in text
    assert "`int64 [B, 6]`, symbols or codes" in text
    assert "3 of 3 steps of 8 samples, seed 0" in text
    assert "| loss | 3 | 0.3333 |" in text
    assert '"method": "rq"' in text
    code = text.partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) == 6
    names = {"inputs": list(SPECS["image+text"] and batch(SPECS["image+text"]).inputs)}
    exec(compile(code, "card", "exec"), names)  # the lines run as they stand
    features = names["features"]
    assert isinstance(features, torch.Tensor)
    assert features.shape == (5, 16)


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = run_in(tmp_path / "run", "2d")
    with pytest.raises(UserError, match="data: 1d has inputs"):
        html(run, labelled("1d"), settings(run))
    with pytest.raises(UserError, match="part: 2d has no valid part, but train"):
        html(run, labelled("2d"), settings(run, part="valid"))
    (run.path / "view.html").write_text("mine")
    for words, told in {
        "{tmp}/nowhere": "nowhere does not exist",
        "{tmp}/run": "view.html exists; name another file, or give --overwrite",
        "{tmp}/run -o {tmp}/a.html --data numerals": "'numerals'",
        "{tmp}/run -o {tmp}/a.html --data digits": "data: digits has inputs",
        "{tmp}/run -o {tmp}/a.html --data digits --samples 1": "samples: got 1",
    }.items():
        assert cli.main(["view", *words.format(tmp=tmp_path).split()]) == 2
        out, said = capfd.readouterr()
        assert (out, said.count("\n")) == ("", 1)
        assert told in said


@needs_browser
def test_the_page_fits_a_phone_and_a_desk_and_takes_the_arrow_keys(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", "2d")
    page = tmp_path / "page.html"
    page.write_text(html(run, labelled("2d", 60), settings(run)))
    for width in (390, 1200):
        met = in_browser(page, width, tmp_path)
        assert met["width"] == width
        assert met["loaded"] == []
        assert met["unnamed"] == met["blank"] == met["overflowing"] == 0
        assert met["marks"] == [60]
        assert (met["shown"], met["loupe"]) == (1, False)
        assert met["sections"] == ["Training", "Map of the features", "Nearest neighbours", "Few labels",
                                   "How it was made", "Model card"]  # fmt: skip
        assert met["links"] == []
        assert len(met["ids"]) == len(set(met["ids"]))
        assert met["keyed"] == [1, 1], "the arrow keys reach a sample, then another"
        assert met["aloud"].startswith("sample ")
        assert met["charts"][:2] == ["Loss", "Pairs told apart"]
        levels = [level for level, _ in met["headings"]]
        assert levels[0] == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
