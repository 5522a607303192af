"""report: one table of a suite's tasks, figures by hand; published ones stand beside the benchmark's alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from randquant.report import read, write
from randquant.report.summary import Summary, summaries
from randquant.report.table import tables

VALUES = {  # by task and method: a value a seed
    "cifar10": {"raw": [0.3, 0.3, 0.3], "none": [0.2, 0.3, 0.4], "emix": [0.4, 0.5, 0.6], "rq": [0.5, 0.7, 0.6]},
    "dtd": {"raw": [0.1] * 3, "none": [0.1] * 3, "emix": [0.1] * 3, "rq": [0.3] * 3},
}


def line(task: str, method: str, seed: int, value: float, **changes: Any) -> dict[str, Any]:
    return {
        "suite": "dabs", "domain": "images", "task": task, "method": method, "seed": seed, "head": "linear",
        "labels": "all", "draw": 0, "metric": "linear_accuracy", "value": value, "samples": 100, "chance": 0.1,
        "synthetic": False, "comparable": method == "rq", "seconds": 1.0, "status": "ok", "config_hash": "x",
        "version": "0", **changes,
    }  # fmt: skip


def lines(**changes: Any) -> list[dict[str, Any]]:
    return [
        line(task, method, seed, value, **changes)
        for task, methods in VALUES.items()
        for method, values in methods.items()
        for seed, value in enumerate(values)
    ]


def summed(folder: Path, some: list[dict[str, Any]]) -> Summary | None:
    path = folder / "results.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in some))
    results = read(path)
    return next(iter(summaries(tables(results), results)), None)


def test_means_differences_and_averages_by_hand(tmp_path: Path) -> None:
    whole = summed(tmp_path, lines())
    assert whole is not None
    first, second = whole.tasks
    assert (first.task, first.metric, first.samples, first.chance) == ("cifar10", "accuracy", 100, 0.1)
    cell = first.cells["rq"]
    assert cell is not None
    assert cell.mean == pytest.approx(0.6)
    gap = first.gaps["rq", "emix"]  # 0.1, 0.2, 0: mean 0.1, spread 0.1
    assert gap.mean == pytest.approx(0.1)
    assert gap.interval is not None
    assert gap.interval[1] - gap.mean == pytest.approx(4.302653 * 0.1 / 3**0.5)  # Student's t, two degrees of freedom
    assert not gap.decided
    assert second.gaps["rq", "emix"].decided
    (images,) = whole.domains
    assert images.tasks == 2
    assert [row.above_plain for row in whole.tasks] == [("rq",), ("rq",)]
    assert whole.headline == "By linear probe, at least one of 2 trained methods beats the plain rows on 2 of 2 tasks"
    assert whole.told == (
        "By linear probe, at least one of 2 trained methods beats the plain rows on 2 of 2 tasks; "
        "RQ is ahead of e-Mix on 1 of 2 tasks, "
        "behind on 0 and not told apart from it on 1; RQ is ahead of the random encoder on 2 of 2 tasks, behind on 0 "
        "and not told apart from it on 0"
    )
    assert images.means["rq"] == pytest.approx((0.6 + 0.3) / 2)


def test_tasks_that_are_made_up_are_not_counted_beside_real_ones(tmp_path: Path) -> None:
    made_up = [line("drawn", method, 0, 0.1 * (method == "emix"), synthetic=True) for method in ("emix", "rq")]
    whole = summed(tmp_path, lines() + made_up)
    assert whole is not None
    assert whole.says[1].startswith("RQ is ahead of e-Mix on 1 of 2 real tasks, ")
    alone = summed(tmp_path, made_up)
    assert alone is not None
    assert alone.headline == "By linear probe, the means of 1 seed are 10.0 of e-Mix and 0.0 of RQ"


def test_what_luck_gives_is_marked(tmp_path: Path) -> None:
    whole = summed(tmp_path, lines())
    assert whole is not None
    row = whole.tasks[0]
    assert row.within == pytest.approx(1.96 * 0.03)
    assert row.by_chance(0.158)
    assert not row.by_chance(0.16)
    assert row.luck == pytest.approx((0.1 - 1.96 * 0.03, 0.1 + 1.96 * 0.03))
    correlated = summed(tmp_path, [one | {"chance": 0.0} for one in lines(metric="linear_pearson")])
    assert correlated is not None
    assert correlated.tasks[0].luck == pytest.approx((-0.196, 0.196))
    assert correlated.tasks[0].by_chance(0.19)
    other = summed(tmp_path, lines(metric="linear_auroc"))
    assert other is not None
    assert other.tasks[0].luck is None
    assert not other.tasks[0].by_chance(0.1)


def test_luck_is_told_and_marks_published_figures_in_both_files(tmp_path: Path) -> None:
    summed(tmp_path, lines())
    page = write(tmp_path, tmp_path / "report.html")
    html, markdown = page.read_text(), page.with_suffix(".md").read_text()
    assert '<td class="wide">10.0<small>4.1 to 15.9</small></td>' in html
    assert "chance 10.0 (4.1 to 15.9)" in html  # on a phone
    assert "<small>10.9 published</small><small>by chance</small>" in html
    assert html.count("<small>by chance</small>") == 3  # those of dtd
    assert "30.0 ± 0.0 [10.9 published, chance]" in markdown
    assert "10.0 ± 0.0 (chance) [≠ 7.4 published, chance]" in markdown
    assert "[≠ 24.2 published]" in markdown
    summed(tmp_path, lines(chance=0.01))
    assert "1.0 (0.0 to 3.0)" in write(tmp_path, tmp_path / "report.html").with_suffix(".md").read_text()


def test_published_figures_stand_beside_the_benchmark_alone(tmp_path: Path) -> None:
    whole = summed(tmp_path, lines())
    assert whole is not None
    assert whole.tasks[0].published == pytest.approx({"none": 0.242, "emix": 0.3943, "rq": 0.477})
    assert whole.tasks[0].comparable == {"raw": False, "none": False, "emix": False, "rq": True}
    mini = summed(tmp_path, lines(suite="mini"))
    assert mini is not None
    assert not mini.with_published


def test_one_seed_that_was_measured_otherwise_makes_a_row_another(tmp_path: Path) -> None:
    whole = summed(tmp_path, [one | {"comparable": one["seed"] == 2} for one in lines()])
    assert whole is not None
    assert not any(whole.tasks[0].comparable.values())


def test_made_up_tasks_count_in_no_mean(tmp_path: Path) -> None:
    made_up = [one | {"synthetic": one["task"] == "dtd"} for one in lines()]
    whole = summed(tmp_path, made_up)
    assert whole is not None
    assert whole.domains[0].tasks == 1
    assert whole.domains[0].means["rq"] == pytest.approx(0.6)


def test_one_task_of_a_benchmark_has_all_that_several_have(tmp_path: Path) -> None:
    whole = summed(tmp_path, [one for one in lines() if one["task"] == "dtd"])
    assert whole is not None
    assert whole.headline == "By linear probe, RQ beats the plain rows on dtd"
    assert whole.says == (
        "RQ beats the plain rows on dtd", "RQ is ahead of e-Mix", "RQ is ahead of the random encoder",
    )  # fmt: skip
    assert whole.tasks[0].gaps["rq", "emix"].decided
    html = write(tmp_path, tmp_path / "report.html").read_text()
    for told in ("All tasks", "10.9 published", 'class="chance"', "+20.0", "Mean of each domain"):
        assert told in html, told


def test_one_task_where_nothing_is_ahead_or_surely_so(tmp_path: Path) -> None:
    level = [
        line("dtd", method, seed, 0.3 if method == "emix" else 0.2) for method in ("emix", "rq") for seed in range(3)
    ]
    whole = summed(tmp_path, level)
    assert whole is not None
    assert whole.headline == "By linear probe, RQ is behind e-Mix"
    whole = summed(tmp_path, [one for one in lines() if one["task"] == "cifar10"])
    assert whole is not None
    assert whole.says[1] == "RQ is not told apart from e-Mix"
    near = [one | {"value": 0.55} if one["method"] == "raw" else one for one in lines() if one["task"] == "cifar10"]
    whole = summed(tmp_path, near)
    assert whole is not None
    assert whole.headline == "By linear probe, no trained method is shown to beat the plain rows on cifar10"


@pytest.mark.parametrize(("seeds", "told"), [(1, "1 seed"), (2, "2 seeds")])
def test_few_seeds_tell_their_means_and_who_is_ahead_to_nobody(seeds: int, told: str, tmp_path: Path) -> None:
    values = {"raw": 0.961, "none": 0.939, "emix": 0.818, "rq": 0.876}
    few = [line("digits", method, seed, value) for method, value in values.items() for seed in range(seeds)]
    whole = summed(tmp_path, few)
    assert whole is not None
    assert whole.headline == f"By linear probe, no trained method beats the plain rows on digits in {told}"
    means = "96.1 of raw values, 93.9 of the random encoder, 81.8 of e-Mix and 87.6 of RQ"
    assert whole.says[1:] == (f"the means of {told} are {means}",)
    assert not any(gap.decided for gap in whole.tasks[0].gaps.values())
    page = write(tmp_path, tmp_path / "report.html")
    assert "ahead of" not in page.read_text() + page.with_suffix(".md").read_text()
    whole = summed(tmp_path, [one | {"value": 0.8} if one["method"] == "raw" else one for one in few])
    assert whole is not None
    assert whole.headline.endswith(f"no trained method beats the plain rows on digits in {told}")
    better = [one | {"value": 0.99} if one["method"] == "rq" else one for one in few]
    whole = summed(tmp_path, better)
    assert whole is not None
    assert whole.headline.endswith(f"no trained method is shown to beat the plain rows on digits by {told}")
    whole = summed(tmp_path, [*better, *(one | {"task": "letters"} for one in better)])
    assert whole is not None
    assert whole.says == (
        "no trained method is shown to beat the plain rows on any of 2 tasks",
        f"the figures are of {told}, from which no method is called ahead of another",
    )


def test_one_task_of_another_suite_has_a_page_of_its_own(tmp_path: Path) -> None:
    assert summed(tmp_path, [one for one in lines(suite="quickstart") if one["task"] == "dtd"]) is None
    assert summed(tmp_path, lines(suite="ablation")) is not None


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    whole = summed(tmp_path, [one for one in lines() if one["seed"] == 0 and one["task"] == "cifar10"])
    assert whole is not None
    assert whole.tasks[0].gaps["rq", "emix"].interval is None
    assert "| cifar10 | +10.0 (one seed) |" in write(tmp_path, tmp_path / "report.html").with_suffix(".md").read_text()


def test_the_page_and_its_sibling_show_it(tmp_path: Path) -> None:
    summed(tmp_path, lines())
    page = write(tmp_path, tmp_path / "report.html")
    html, markdown = page.read_text(), page.with_suffix(".md").read_text()
    for told in ("All tasks", "mean of images", "47.7 published", "≠ 39.4 published", "made up here"):
        assert told in html
    assert "| cifar10 | images | accuracy | 10.0 (4.1 to 15.9) |" in markdown
    assert "[47.7 published]" in markdown
    assert "[≠ 39.4 published]" in markdown
    assert "+10.0 (-14.8 to +34.8)" in markdown


def test_neighbours_have_a_table_of_their_own(tmp_path: Path) -> None:
    assert (probed := summed(tmp_path, lines())) is not None
    assert (probed.by, probed.neighbours) == ("linear probe", None)
    near = [one | {"head": "knn", "metric": "knn_accuracy", "value": one["value"] / 2} for one in lines()]
    whole = summed(tmp_path, lines() + near)
    assert whole is not None
    assert whole.neighbours is not None
    assert whole.neighbours.by == "nearest neighbours"
    first = whole.neighbours.tasks[0]
    cell = first.cells["rq"]
    assert cell is not None
    assert cell.mean == pytest.approx(0.3)
    assert first.gaps["rq", "emix"].mean == pytest.approx(0.05)
    assert not whole.neighbours.with_published
    assert whole.neighbours.domains[0].means["rq"] == pytest.approx(0.225)
    page = write(tmp_path, tmp_path / "report.html")
    assert "<h3>By nearest neighbours</h3>" in page.read_text()
    assert whole.told == (
        "By linear probe, at least one of 2 trained methods beats the plain rows on 2 of 2 tasks; "
        "RQ is ahead of e-Mix on 1 of 2 tasks, "
        "behind on 0 and not told apart from it on 1; RQ is ahead of the random encoder on 2 of 2 tasks, behind on 0 "
        "and not told apart from it on 0. By nearest neighbours, at least one of 2 trained methods "
        "beats the plain rows on 2 of 2 tasks; RQ is ahead of e-Mix on 1 of 2 tasks, behind on 0 and not told apart "
        "from it on 1; RQ is ahead of the random encoder on 2 of 2 tasks, behind on 0 and not told apart from it on 0"
    )
    assert "By nearest neighbours:" in page.with_suffix(".md").read_text()
    alone = summed(tmp_path, near)
    assert alone is not None
    assert (alone.by, alone.neighbours) == ("nearest neighbours", None)


def test_rq_is_compared_with_every_row_and_partners_with_themselves(tmp_path: Path) -> None:
    partners = [line("cifar10", method, seed, 0.5 + 0.1 * (method == "crop+rq")) for seed in range(3) for method in
                ("crop", "crop+rq")]  # fmt: skip
    whole = summed(tmp_path, lines() + partners)
    assert whole is not None
    assert whole.compared == [
        ("rq", "emix"), ("rq", "none"), ("rq", "raw"), ("rq", "crop+rq"), ("rq", "crop"), ("emix", "none"),
        ("crop+rq", "crop"),
    ]  # fmt: skip
    assert [whole.terms(pair) for pair in whole.compared[3:]] == [
        ["RQ", "(crop + RQ)"], ["RQ", "crop"], ["e-Mix", "Random encoder"], ["(crop + RQ)", "crop"],
    ]  # fmt: skip
    assert whole.tasks[0].gaps["crop+rq", "crop"].mean == pytest.approx(0.1)
    assert ("rq", "crop") not in whole.tasks[1].gaps
    page = write(tmp_path, tmp_path / "report.html")
    assert '<td><b class="decided">+10.0</b><small>+10.0 to +10.0</small></td>' in page.read_text()
    assert "| cifar10 | +10.0 (-14.8 to +34.8) | **+30.0** (+5.2 to +54.8) |" in page.with_suffix(".md").read_text()


def test_a_method_without_any_figure_leaves_a_domain_its_mean(tmp_path: Path) -> None:
    other = [line("genomics", "shed", seed, 0.4, domain="sensor") for seed in (0, 1)]
    whole = summed(tmp_path, lines() + other)
    assert whole is not None
    images, sensor = whole.domains
    assert (images.tasks, sorted(images.means)) == (2, ["emix", "none", "raw", "rq"])
    assert (sensor.tasks, sensor.means) == (1, {"shed": pytest.approx(0.4)})
    html = write(tmp_path, tmp_path / "report.html").read_text()
    assert "mean of images" in html
    assert "mean of sensor" not in html  # its one task says it


def test_where_rq_is_behind_is_told(tmp_path: Path) -> None:
    swapped = {"rq": "emix", "emix": "rq"}
    some = [one | {"method": swapped.get(one["method"], one["method"])} for one in lines()]
    whole = summed(tmp_path, some)
    assert whole is not None
    assert whole.says[1].startswith("RQ is ahead of e-Mix on 0 of 2 tasks, behind on 1 and not told apart from it on 1")


def test_failed_cells_alone_make_no_difference_and_no_head(tmp_path: Path) -> None:
    gone = [one | {"status": "failed: RuntimeError: broke"} for one in lines()]
    whole = summed(tmp_path, gone)
    assert whole is not None
    assert (whole.by, whole.compared, whole.told, whole.headline) == ("", [], "", "2 tasks, 4 methods")
    page = write(tmp_path, tmp_path / "report.html")
    assert "By :" not in page.with_suffix(".md").read_text()
    near = [one | {"head": "knn", "metric": "knn_accuracy"} for one in lines() if one["task"] == "cifar10"]
    whole = summed(tmp_path, near + [one for one in gone if one["task"] == "dtd"])
    assert whole is not None
    assert (whole.by, whole.neighbours) == ("nearest neighbours", None)


def test_a_command_for_each_way_of_training(tmp_path: Path) -> None:
    some = [
        one | {"steps": 300, "precision": "32" if one["task"] == "cifar10" else "bf16", "seed": one["seed"] + 5}
        for one in lines(suite="mini")
    ]
    twice = [line("dtd", "shed@2x", seed, 0.2, suite="mini", steps=600, precision="bf16") for seed in (5, 6)]
    summed(tmp_path, some + twice)
    markdown = write(tmp_path, tmp_path / "report.html").with_suffix(".md").read_text()
    commands = [row.strip() for row in markdown.splitlines() if row.startswith("    randquant bench")]
    assert commands == [
        "randquant bench --suite mini --methods emix,rq --tasks cifar10 --seed 5 --seeds 3 --steps 300 --draws 0",
        "randquant bench --suite mini --methods emix,rq,shed@2x --tasks dtd --seed 5 --seeds 3 --steps 300 "
        "--precision bf16 --draws 0",
    ]
