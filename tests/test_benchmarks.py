"""benchmarks/: nothing wrong is timed, memory is measured right, and every bar can be missed."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bars
import batches
import clock
import contestants
import correctness
import factors
import oracle
import paired
import processes
import regression
import rows
import speed
from results import Case, Results
from table import speed_table

from hidden import everything
from randquant.data import Batch, open_data
from randquant.data.mini import xray_shapes
from randquant.quantize import reference
from randquant.quantize.cpu import backend as cpu_backend
from randquant.quantize.draw import Draws, Fractions
from randquant.quantize.scope import Limits

ROOT = Path(__file__).parents[1]
QUICK = speed.Options(quick=True, threads=1)
MAIN = batches.MAIN


def printed(script: str, tmp_path: Path) -> str:
    """What a quick run prints, which is the page that it writes and says nothing of the machine."""
    file = tmp_path / "page.md"
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--quick", "--threads", "1", "--markdown", str(file)]
    done = subprocess.run(command, env=everything(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == done.stdout
    for told in (str(ROOT), str(tmp_path), f" {platform.node()} "):
        assert told not in done.stdout
    return done.stdout


@pytest.mark.soak
def test_a_quick_run_prints_the_page_it_writes(tmp_path: Path) -> None:
    page = printed("speed.py", tmp_path)
    for batch in batches.BATCHES:
        assert replace(batch, quick=True).title in page
    for contestant in contestants.CONTESTANTS:
        assert (contestant.name in page) != contestant.compiles
    for bar in bars.BARS:
        assert bar.text in page


@pytest.mark.soak
@pytest.mark.parametrize(
    ("script", "rows"),
    [
        ("images.py", ["lightly's time / randquant's", "RQ's share", "own / crop + RQ", "in workers / on the device"]),
        ("training.py", ["RQ's share", "the loop / a bare loop", "lightly's time / randquant's", "page faults"]),
        ("factors.py", ["| raw", "| rq", "| gain", "| dark rim"]),
        ("own_data.py", ["reading the .npy", "reading the .csv", "to the first step", "throughput", "--help"]),
    ],
)
def test_a_quick_run_measures_every_row(script: str, rows: list[str], tmp_path: Path) -> None:
    page = printed(script, tmp_path)
    assert [row for row in rows if row not in page] == []


def test_ratios_are_of_rounds_and_the_first_round_warms_up() -> None:
    first, second = iter([100.0, 2.0, 4.0, 9.0]), iter([1.0, 1.0, 2.0, 3.0])
    rounds = paired.in_turn(lambda: next(first), lambda: next(second), rounds=3)
    assert rounds == ([2.0, 4.0, 9.0], [1.0, 2.0, 3.0])
    assert rounds.ratio().value == 2.0
    assert (rounds.ratio().low, rounds.ratio().high) == (2.0, 3.0)


def test_a_bar_of_training_can_be_missed() -> None:
    assert rows.verdict(rows.Row("", "", "at most 1", False), judged=True) == "**missed**"
    assert rows.verdict(rows.Row("", "", "at most 1", True), judged=True) == "met"
    assert rows.verdict(rows.Row("", "", "at most 1", False), judged=False) == ""


def test_the_regression_is_compared_with_scikit_learns(capsys: pytest.CaptureFixture[str]) -> None:
    regression.main(regression.Options(tasks=("digits",), threads=torch.get_num_threads()))
    *_, row = capsys.readouterr().out.splitlines()
    _, name, samples, features, _, _, gap, chosen, _ = (cell.strip() for cell in row.split("|"))
    assert (name, samples, features) == ("digits", "724", "64")
    assert float(gap) < 1
    assert "and" not in chosen


def test_the_effect_of_a_factor_by_hand() -> None:
    one, other, fresh = (torch.randn(20_000, 1, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    ids = torch.arange(len(one))
    varied = factors.Varied(
        Batch(ids, (one, other)), {"one": Batch(ids, (fresh, other)), "other": Batch(ids, (one, fresh))}
    )

    def features(samples: Batch) -> NDArray[np.float32]:
        first, second = samples.inputs
        return torch.cat([3 * first, second, torch.full_like(first, 1e3)], dim=1).numpy()  # of nearly one length

    found = factors.effects(features, varied)  # variances of 9 and 1
    assert found == {"one": pytest.approx(0.9, abs=0.02), "other": pytest.approx(0.1, abs=0.02)}

    def signs(samples: Batch) -> NDArray[np.float32]:
        first, second = samples.inputs
        return torch.cat([first.sign() * second.sign(), torch.full_like(first, 1e3)], dim=1).numpy()

    found = factors.effects(signs, varied)  # neither alone tells anything, each changes everything
    assert found == {"one": pytest.approx(1, abs=0.02), "other": pytest.approx(1, abs=0.02)}


def test_every_draw_of_a_made_up_picture_belongs_to_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Told(Draws):
        def uniform(self, purpose: str, *shape: int, **more: Any) -> Tensor:
            asked.append(purpose)
            return super().uniform(purpose, *shape, **more)

    monkeypatch.setattr(xray_shapes, "Draws", Told)
    xray_shapes.pictures(torch.arange(2), torch.ones(2, 5))
    known = [purpose for some in (factors._DETAILS, factors._NUISANCES) for own in some.values() for purpose in own]
    assert sorted(known) == sorted(set(asked))


def test_a_drawing_or_a_name_alone_is_anothers() -> None:
    ids = torch.arange(24)
    captioned = Batch(ids, (ids[:, None].float(), ids[:, None]), (ids % 2 == 0).float())
    entry = open_data("xray_shapes")
    found = factors.varied_captions(replace(entry, parts={"train": captioned}), 512)
    drawings, names = found.samples.inputs
    assert len(drawings) == 4  # a third of those that fit
    for factor, same, place in (("drawing", names, 1), ("name", drawings, 0)):
        inputs = found.anew[factor].inputs
        assert torch.equal(inputs[place], same)
        assert not (inputs[1 - place] == found.samples.inputs[1 - place]).any()
    assert not (drawings.long() == names).any()


def test_one_thing_alone_of_a_made_up_picture_is_drawn_anew() -> None:
    found = factors.varied_shapes(open_data("xray_shapes"), 16)
    (first,), (rim,), (noise,) = (one.inputs for one in (found.samples, found.anew["dark rim"], found.anew["noise"]))
    changed = (rim - first).abs().amax(dim=(1, 3))  # by row
    assert (changed[:, :10] > 0.01).any()
    assert changed[:, 20:].max() < 1e-3  # a rim is at the top
    assert 0.01 < (noise - first).abs().max() < 0.1
    assert set(found.samples.ids.tolist()).isdisjoint(range(5000))


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--markdown: there is no folder"):
        speed.main(replace(QUICK, markdown=tmp_path / "nowhere" / "page.md"))


# Each spoils the right answer, which it is given along with the memory of `out=`.
MISTAKES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "one element": lambda answer, out: answer.clone().index_fill_(0, torch.tensor([1]), 0.5),
    "one rounding": lambda answer, out: answer.nextafter(torch.tensor(2.0)),
    "nothing written": lambda answer, out: out.zero_(),
    "channels in another order": lambda answer, out: answer.flip(1),
    "not a number": lambda answer, out: answer / 0,
}


@pytest.mark.parametrize("name", [c.name for c in contestants.CONTESTANTS if c.draws != "none" and not c.compiles])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_answer_is_found_and_named(name: str, mistake: str) -> None:
    work, calls = speed.prepare(replace(MAIN, quick=True), QUICK)
    case = Case(replace(MAIN, quick=True), name, 8)
    right = calls[case]
    calls[case] = lambda: MISTAKES[mistake](right(), work.out)
    found = list(correctness.faults(work, {other: call for other, call in calls.items() if other.bins == 8}))
    assert [fault[: len(name) + 2] for fault in found] == [f"{name}: "]
    assert f"{case.batch.title}, R = 8: differs from" in found[0]


@pytest.mark.parametrize("truth", ["reference", "dense implementation"])
def test_what_all_agree_on_is_held_against_the_definition(truth: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def another_order(scopes: int, bins: int, **_: object) -> tuple[Tensor, Tensor]:
        values = torch.rand(scopes, bins)
        return torch.rand(scopes, bins - 1), values

    if truth == "reference":
        monkeypatch.setattr(reference, "quantize", lambda x, out, *_: out.zero_())
    else:
        monkeypatch.setattr(oracle, "draw", another_order)
    work, calls = speed.prepare(replace(MAIN, quick=True), QUICK)
    found = list(correctness.faults(work, calls))
    assert f"plain torch: {work.title}, R = 8: differs from the {truth}" in found
    assert all(fault.endswith(truth) for fault in found)


def test_a_compiled_answer_may_differ_by_roundings_alone() -> None:
    answer = torch.rand(2, 3, 10_000)
    rounded = answer.nextafter(torch.tensor(2.0))
    assert correctness._close(rounded, answer)
    assert not correctness._close(rounded + 1e-3, answer)
    assert not correctness._close(torch.full_like(answer, torch.nan), answer)


def test_nothing_is_timed_while_an_answer_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = cpu_backend.quantize

    def wrong(x: Tensor, out: Tensor, fractions: Fractions, limits: Limits | None = None) -> None:
        right(x, out, fractions, limits)
        out[0, 0, 0] += 1

    monkeypatch.setattr(cpu_backend, "quantize", wrong)
    monkeypatch.setattr(speed, "medians", lambda *_, **__: pytest.fail("timed"))
    with pytest.raises(SystemExit, match="nothing is timed while an answer is wrong"):
        speed.main(QUICK)
    assert capsys.readouterr().out == ""


def results_at_the_limits() -> Results:
    """Made-up seconds with every bar met exactly, or with room where two limits share a number."""
    results = Results(to_clone={batches.IMAGES: [9.0, 1.5, 1.0, 9.0, 1.5], batches.EMBEDDINGS: [2.0]})

    def add(kind: str, dtype: torch.dtype, seconds: dict[tuple[str, int], float]) -> None:
        for (contestant, bins), taken in seconds.items():
            results.seconds[Case(batches.Batch(kind, dtype), contestant, bins)] = taken

    out, fresh, copy = contestants.OUT, contestants.FRESH, contestants.COPY
    for kind in (batches.IMAGES, batches.CHANNELS_LAST, batches.EMBEDDINGS):
        add(kind, torch.float32, {(copy, 0): 2.0})
        add(kind, torch.uint8, {(copy, 0): 0.5})
    times = {(out, 8): 4.0, (out, 16): 5.0, (out, 64): 16.0, (fresh, 8): 1.0}
    add(batches.IMAGES, torch.float32, times | {(contestants.DENSE, 8): 40.0})
    add(batches.IMAGES, torch.uint8, {(out, 8): 4.0})
    add(batches.CHANNELS_LAST, torch.float32, {(out, 8): 3.0})
    add(batches.CHANNELS_LAST, torch.uint8, {(out, 8): 3.0})
    results.extra[results.find(batches.IMAGES, torch.float32, fresh, 8)] = MAIN.output_bytes + 1_000_000
    return results


# What has to take that many seconds for one bar, and no other, to be missed.
SLOWER: dict[object, tuple[str, torch.dtype, str, int, float]] = {
    bars.dense_to_fresh: (batches.IMAGES, torch.float32, contestants.DENSE, 8, 39.9),
    bars.out_to_copy: (batches.IMAGES, torch.float32, contestants.OUT, 16, 5.1),
    bars.many_to_few_bins: (batches.IMAGES, torch.float32, contestants.OUT, 64, 16.1),
    bars.bytes_to_floats: (batches.CHANNELS_LAST, torch.uint8, contestants.OUT, 8, 3.1),
}


@pytest.mark.parametrize("bar", bars.BARS, ids=lambda bar: bar.measure.__name__)
def test_a_bar_is_met_at_its_limit_and_missed_beyond(bar: bars.Bar, capsys: pytest.CaptureFixture[str]) -> None:
    results = results_at_the_limits()
    full = speed.Options(threads=1)
    assert all(other.verdict(results).met for other in bars.BARS)
    assert speed.report(results, full) == 0
    assert "missed" not in capsys.readouterr().out
    if bar.measure is bars.fresh_to_clone:
        results.to_clone[batches.IMAGES] = [1.0, 1.6, 1.6, 1.0, 9.0]
    elif bar.measure is bars.embeddings_to_clone:
        results.to_clone[batches.EMBEDDINGS] = [1.0, 2.1, 2.1]
    elif bar.measure is bars.megabytes_beyond_output:
        results.extra = {case: extra + 1 for case, extra in results.extra.items()}
    else:
        kind, dtype, contestant, bins, seconds = SLOWER[bar.measure]
        results.seconds[results.find(kind, dtype, contestant, bins)] = seconds
    assert [other for other in bars.BARS if not other.verdict(results).met] == [bar]
    assert speed.report(results, full) == 1
    assert capsys.readouterr().out.count("**missed**") == 1
    assert speed.report(results, QUICK) == 0


def test_where_memory_cannot_be_read_its_bar_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    results = results_at_the_limits()
    results.extra.clear()
    assert speed.report(results, speed.Options(threads=1)) == 0
    assert "not here" in capsys.readouterr().out


def test_a_gpu_has_rows_of_its_own_and_a_share_of_its_bandwidth() -> None:
    results = results_at_the_limits()
    on_gpu = replace(MAIN, device="cuda")
    results.seconds |= {Case(on_gpu, contestants.COPY, 0): 3.0, Case(on_gpu, contestants.OUT, 8): 4.0}
    header, _, *rows = speed_table(results).splitlines()
    assert "of copy bandwidth, R = 8" in header
    assert [row for row in rows if on_gpu.title in row] == [rows[-2]]
    assert rows[-1].split("|")[-2].strip() == "75%"
    assert results.time(batches.IMAGES, torch.float32, contestants.OUT, 8) == 4.0  # the CPU's


def test_calls_take_turns_and_slow_ones_sit_out() -> None:
    seconds = {"fast": [0.1, 0.3, 0.2, 0.2, 0.9], "slow": [7.0, 5.0, 6.0], "other": [0.1] * 5}
    left = {name: iter(taken) for name, taken in seconds.items()}
    ran: list[str] = []

    def run(name: str) -> Callable[[], Tensor]:
        def call() -> Tensor:
            ran.append(name)
            return torch.empty(0)

        return call

    def take(call: Callable[[], Tensor]) -> float:
        call()
        return next(left[ran[-1]])

    groups = [{"fast": run("fast"), "slow": run("slow")}, {"other": run("other")}]
    assert clock.medians(groups, take, rounds=5, budget=3.0) == {"fast": 0.2, "slow": 6.0, "other": 0.1}
    assert [sorted(ran[i : i + 3]) for i in (0, 3, 6)] == [["fast", "other", "slow"]] * 3
    assert ran[2::3][:3] == ["other"] * 3
    assert ran[9:] == ["fast", "other"] * 2


@pytest.mark.soak
@pytest.mark.skipif(not processes.peaks_can_be_read(), reason="needs /proc/self/clear_refs, which Linux has")
def test_peak_memory_is_what_a_call_is_known_to_need() -> None:
    batch = batches.Batch(batches.AUDIO, torch.bfloat16)
    assert processes.peak_extra(batch, contestants.COPY, 0, 1) < 500_000
    assert abs(processes.peak_extra(batch, contestants.CLONE, 0, 1) - batch.output_bytes) < 500_000
    assert processes.peak_extra(batch, "plain torch, out=", 8, 1) > 4 * batch.output_bytes  # an int64 index each
