"""The probe against plain statements of what it does: same draws for all, the test part chooses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from randquant.data import Batch, Dataset, open_data
from randquant.errors import UserError
from randquant.pretrain import train
from randquant.probe import extract, neighbours, probe, raw, score, score_task
from randquant.probe.cut import cut, cut_values
from randquant.probe.logistic import logistic
from randquant.probe.score import PENALTIES, choose_penalty, draw_few, standardise
from randquant.settings import PretrainSettings, ProbeSettings
from randquant.spec import Spec, Table, Target
from samples import SMALL

CLASSES, EACH = 4, 40
LABELS = np.repeat(np.arange(CLASSES), EACH)


def features(noise: float, seed: int = 0, width: int = 12) -> NDArray[np.float64]:
    """Class centres with noise around them: rows for LABELS."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(CLASSES, width))
    return centres[LABELS] + noise * rng.normal(size=(len(LABELS), width))


def by_place(scores: list) -> dict[tuple[str, str, int], float]:
    return {(one.metric, one.labels, one.draw): one.value for one in scores}


def test_a_score_a_head_label_count_and_draw() -> None:
    scores = score(features(0.5), LABELS, features(0.5, 1), LABELS, few=(1, 5), draws=3)
    places = [(one.head, one.metric, one.labels, one.draw) for one in scores]
    few = [(count, draw) for count in ("1", "5") for draw in range(3)]
    assert places == [
        (head, f"{head}_accuracy", count, draw) for count, draw in [*few, ("all", 0)] for head in ("linear", "knn")
    ]


def test_separable_classes_are_named_right_with_one_label_and_noise_by_chance() -> None:
    clear = score(features(0.01), LABELS, features(0.01, 1), LABELS, draws=2)
    assert {one.value for one in clear} == {1.0}
    rng = np.random.default_rng(0)
    blind = score(rng.normal(size=(160, 12)), LABELS, rng.normal(size=(160, 12)), LABELS, draws=2)
    assert all(one.value < 0.45 for one in blind)


def test_more_labels_help_on_average() -> None:
    found = score(features(1.2), LABELS, features(1.2, 1), LABELS)
    mean = {count: np.mean([s.value for s in found if s.labels == count]) for count in ("1", "5", "20", "all")}
    assert mean["1"] < mean["5"] < mean["20"] <= mean["all"] + 0.02


def test_same_seed_same_scores_and_another_seed_others() -> None:
    given = features(1.0), LABELS, features(1.0, 1), LABELS
    once, again = (score(*given, seed=3, few=(5,), draws=2) for _ in range(2))
    assert once == again
    assert score(*given, seed=4, few=(5,), draws=2) != once


def test_validation_part_is_a_fifth_of_every_class_and_is_never_drawn() -> None:
    pool, held_out = cut(LABELS, seed=0)
    assert sorted([*pool, *held_out]) == list(range(len(LABELS)))
    assert np.bincount(LABELS[held_out]).tolist() == [EACH // 5] * CLASSES
    for draw in range(3):
        chosen = draw_few(LABELS, pool, 5, np.random.default_rng([0, 5, draw]))
        assert np.bincount(LABELS[chosen]).tolist() == [5] * CLASSES
        assert len(set(chosen)) == len(chosen)
        assert set(chosen) <= set(pool)


def test_groups_stand_on_one_side_of_the_cut_and_classes_stay_in_the_pool() -> None:
    groups = np.arange(len(LABELS)) // 2 % 40  # of several classes each
    for seed in range(5):
        for pool, held_out in (cut(LABELS, seed, groups), cut_values(len(LABELS), seed, groups)):
            assert sorted([*pool, *held_out]) == list(range(len(LABELS)))
            assert set(groups[pool]).isdisjoint(groups[held_out])
            assert len(LABELS) / 5 <= len(held_out) < len(LABELS) / 4
        assert set(LABELS[cut(LABELS, seed, groups)[0]]) == set(LABELS)
    assert any(set(cut(LABELS, 0, groups)[1]) != set(cut(LABELS, seed, groups)[1]) for seed in range(1, 5))
    alone = np.where(LABELS == 0, 99, groups)  # one group shows all of a class
    for seed in range(5):
        assert 99 not in alone[cut(LABELS, seed, alone)[1]]


def test_where_no_group_can_be_held_out_samples_are() -> None:
    for groups in (None, np.zeros(len(LABELS), dtype=int), LABELS, np.arange(len(LABELS))[::-1]):
        for found, expected in zip(cut(LABELS, 3, groups), cut(LABELS, 3), strict=True):
            assert found.tolist() == expected.tolist()
    for groups in (None, np.zeros(50, dtype=int), np.arange(50)):
        for found, expected in zip(cut_values(50, 3, groups), cut_values(50, 3), strict=True):
            assert found.tolist() == expected.tolist()
    nine_tenths = (np.arange(50) < 5).astype(int)
    assert all(nine_tenths[cut_values(50, seed, nine_tenths)[1]].all() for seed in range(4))


def test_draws_hang_on_labels_seed_count_and_draw_alone() -> None:
    # One feature that tells a sample's number: with one label a class, the nearest neighbour gives the drawn ones away.
    angle = np.linspace(0, 1.5, len(LABELS))
    numbers = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for seed in (0, 1):
        pool, _ = cut(LABELS, seed)
        expected = []
        for draw in range(4):
            chosen = draw_few(LABELS, pool, 1, np.random.default_rng([seed, 1, draw]))
            found = neighbours(numbers[chosen], LABELS[chosen], numbers, k=1)
            expected.append(float(np.mean(found == LABELS)))
        scores = score(numbers, LABELS, numbers, LABELS, seed=seed, few=(1,), draws=4)
        assert [one.value for one in scores if one.head == "knn" and one.labels == "1"] == expected
        assert len(set(expected)) > 1


def test_the_test_part_chooses_nothing() -> None:
    train, test = features(1.5), features(1.5, 1)
    rng = np.random.default_rng(5)
    half = rng.permutation(len(test))
    parts = [
        by_place(score(train, LABELS, test[rows], LABELS[rows], few=(5,), draws=2)) for rows in (half[:80], half[80:])
    ]
    whole = by_place(score(train, LABELS, test, LABELS, few=(5,), draws=2))
    for place, value in whole.items():
        assert value == pytest.approx((parts[0][place] + parts[1][place]) / 2, abs=1e-12)


def test_all_labels_are_used_once_the_penalty_is_chosen() -> None:
    train, test = features(1.5), features(1.5, 1)
    scaled, scaled_test = standardise(train, test)
    pool, held_out = cut(LABELS, 0)
    reached = {}
    for penalty in PENALTIES:
        head = LogisticRegression(C=1 / (penalty * len(pool)), tol=1e-8, max_iter=100_000).fit(
            scaled[pool], LABELS[pool]
        )
        reached[penalty] = head.score(scaled[held_out], LABELS[held_out])
    best = max(PENALTIES, key=lambda penalty: (reached[penalty], penalty))
    assert choose_penalty(scaled[pool], LABELS[pool], scaled[held_out], LABELS[held_out]) == best
    expected = float(np.mean(logistic(scaled, LABELS, best).predict(scaled_test) == LABELS))
    assert by_place(score(train, LABELS, test, LABELS, few=(1,), draws=1))["linear_accuracy", "all", 0] == expected


def test_seven_penalties_and_the_strongest_of_equals() -> None:
    assert len(PENALTIES) == 7
    assert list(PENALTIES) == sorted(PENALTIES, reverse=True)
    clear = features(0.001)
    assert choose_penalty(clear, LABELS, clear, LABELS) == PENALTIES[0]


def test_the_linear_head_does_not_feel_scale_shift_or_constant_features() -> None:
    train, test = features(1.0), features(1.0, 1)
    plain = by_place(score(train, LABELS, test, LABELS, draws=2))
    scale, shift = np.logspace(-6, 6, 12), np.linspace(-50, 50, 12)
    constant = np.full((len(train), 1), 7.3)
    moved = by_place(
        score(
            np.hstack([train * scale + shift * scale, constant]),
            LABELS,
            np.hstack([test * scale + shift * scale, constant + 1]),
            LABELS,
            draws=2,
        )
    )
    for place, value in plain.items():
        if place[0] == "linear_accuracy":
            assert moved[place] == pytest.approx(value, abs=0.007)


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 12))
def test_neighbours_are_those_of_scikit_learn(seed: int, samples: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    train, queries = rng.normal(size=(samples, 5)), rng.normal(size=(9, 5))
    labels = rng.integers(0, 3, samples) * 10 - 5
    theirs = KNeighborsClassifier(min(k, samples), metric="cosine").fit(train, labels)
    found = neighbours(train, labels, queries, k=k)
    votes = theirs.predict_proba(queries)
    for row, label in enumerate(found):
        assert votes[row][list(theirs.classes_).index(label)] == votes[row].max()  # theirs break ties by class number


def test_a_tied_vote_goes_to_the_nearer_neighbours() -> None:
    train = np.array([[1.0, 0.0], [0.0, 1.0]])
    labels = np.array([0, 1])
    assert neighbours(train, labels, np.array([[1.0, 0.9], [0.9, 1.0]]), k=2).tolist() == [0, 1]


def test_a_sample_of_zeros_breaks_nothing() -> None:
    train = np.vstack([np.zeros(3), np.eye(3)])
    assert neighbours(train, np.array([0, 1, 2, 3]), np.zeros((2, 3)), k=1).shape == (2,)


def test_many_queries_are_answered_as_few() -> None:
    train, queries = features(1.0), np.tile(features(1.0, 1), (20, 1))
    found = neighbours(train, LABELS, queries)
    assert np.array_equal(found, np.tile(neighbours(train, LABELS, features(1.0, 1)), 20))


def test_few_labels_ask_as_few_neighbours() -> None:
    # Two samples a class: with 20 neighbours every query would see all of them, and all classes would tie.
    train, test = features(0.3), features(0.3, 1)
    found = by_place(score(train, LABELS, test, LABELS, few=(2,), draws=1))
    assert found["knn_accuracy", "2", 0] > 0.9


def test_a_small_class_gives_all_it_has() -> None:
    rare = np.concatenate([LABELS, [9] * 3])
    train = np.vstack([features(0.1), np.full((3, 12), 30.0)])
    found = score(train, rare, train, rare, few=(20,), draws=1)
    assert all(one.value > 0.95 for one in found)


BROKEN = features(1.0)
BROKEN[[3, 50]] = np.nan


@pytest.mark.parametrize(
    ("train", "train_labels", "test", "test_labels", "said"),
    [
        (BROKEN, LABELS, features(1.0), LABELS, ["1.2%", "training part", "number 3", "NaN"]),
        (features(1.0), LABELS, BROKEN * np.inf, LABELS, ["100.0%", "test part"]),
        (features(1.0), LABELS * 0 + 3, features(1.0), LABELS, ["one label only (3)", "at least two"]),
        (features(1.0)[:0], LABELS[:0], features(1.0), LABELS, ["training part is empty"]),
        (features(1.0), LABELS, features(1.0)[:0], LABELS[:0], ["test part is empty"]),
        (features(1.0), LABELS[:-1], features(1.0), LABELS, ["(160, 12)", "(159,)"]),
        (features(1.0)[0], LABELS, features(1.0), LABELS, ["(12,)"]),
        (features(1.0)[::20], LABELS[::20], features(1.0), LABELS, ["2 samples", "at least 5"]),
    ],
)
def test_what_cannot_be_probed_is_refused_in_one_line(
    train: NDArray[np.float64],
    train_labels: NDArray[np.int64],
    test: NDArray[np.float64],
    test_labels: NDArray[np.int64],
    said: list[str],
) -> None:
    with pytest.raises(UserError) as caught:
        score(train, train_labels, test, test_labels)
    assert "\n" not in str(caught.value)
    for part in said:
        assert part in str(caught.value)


class Doubler(nn.Module):
    """Twice its input in evaluation mode; in training mode it drops all."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
        self.calls: list[int] = []

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        self.calls.append(len(inputs[0]))
        return inputs[0].flatten(1) * (0 if self.training else self.factor)


@pytest.mark.parametrize("training", [True, False])
def test_features_are_extracted_once_in_evaluation_mode(training: bool) -> None:
    values = torch.rand(10, 1, 2, 3)
    encoder = Doubler().train(training)
    found = extract(encoder, Batch(torch.arange(10), (values,)), rows=4)
    assert np.array_equal(found, 2 * values.flatten(1).numpy())
    assert encoder.calls == [4, 4, 2]
    assert encoder.training is training
    assert encoder.factor.grad is None


def test_an_encoder_that_fails_is_left_as_it_was() -> None:
    class Failing(Doubler):
        def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
            raise RuntimeError("no")

    encoder = Failing().train()
    with pytest.raises(RuntimeError):
        extract(encoder, Batch(torch.arange(2), (torch.rand(2, 1),)))
    assert encoder.training


def test_raw_features_are_the_values_of_all_inputs() -> None:
    first, second = torch.rand(3, 1, 2, 2), torch.arange(6).reshape(3, 2)
    found = raw(Batch(torch.arange(3), (first, second)))
    assert np.array_equal(found, np.hstack([first.reshape(3, 4).numpy(), second.numpy()]))


def test_raw_digits_reach_what_raw_pixels_are_known_to_reach() -> None:
    found = by_place(score_task(None, open_data("digits"), seed=0, draws=1))
    assert found["linear_accuracy", "all", 0] > 0.94
    assert found["knn_accuracy", "all", 0] > 0.94


def table(target: Target | None, *parts: str) -> Dataset:
    batch = Batch(torch.arange(8), (torch.rand(8, 2),), torch.arange(8) % 2)
    return Dataset("mine", Spec((Table(2),), target), dict.fromkeys(parts, batch))


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (table(None, "train", "test"), "no labels"),
        (table(Target("regression", 1), "train", "test"), "kind regression"),
        (table(Target("class", 2), "train"), "no test part"),
    ],
)
def test_a_task_without_classes_or_test_part_is_refused(dataset: Dataset, said: str) -> None:
    with pytest.raises(UserError, match=f"task: mine has .*{said}"):
        score_task(None, dataset, seed=0)


NAMES = [
    *("suite", "domain", "task", "method", "seed", "head", "labels", "draw", "metric", "value", "samples"),
    *("chance", "synthetic", "comparable", "seconds", "status", "config_hash", "version"),
]


def test_probe_of_the_random_encoder_gives_lines_and_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = probe(ProbeSettings(run="random", task=("digits",), draws=2, seed=1, device="cpu"))
    assert len(lines) == 2 * 2 * (3 * 2 + 1)
    for line in lines:
        assert list(line) == [*NAMES, *(["blocks"] if line["labels"] == "all" else [])]
    assert {(line["task"], line["method"], line["seed"], line["status"]) for line in lines} == {
        ("digits", "raw", 1, "ok"),
        ("digits", "none", 1, "ok"),
    }
    assert all(0 <= line["value"] <= 1 for line in lines)
    rows = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["task", "method", "head", "labels", "accuracy", "spread_draws"]
    assert {len(row) for row in rows} == {6}
    assert [row[1:4] for row in rows[-1:]] == [["none", "knn", "all"]]


def test_probe_of_a_run_says_its_method_and_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    given = PretrainSettings(data="digits", out=run, steps=1, seed=3, encoder=SMALL, device="cpu", quiet=True)
    train(given)
    lines = probe(ProbeSettings(run=str(run), task=("digits",), draws=1, device="cpu", quiet=True))
    assert {(line["method"], line["seed"]) for line in lines} == {("raw", 3), ("none", 3), ("rq", 3)}
    assert capsys.readouterr().out == ""


def test_a_reader_gets_a_column_a_number_of_labels(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("randquant.probe.task.is_drawn", lambda: True)
    monkeypatch.setattr("randquant.terminal.is_drawn", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    probe(ProbeSettings(run="raw", task=("digits",), draws=1, device="cpu"))
    first, second, header, *rows = capsys.readouterr().out.splitlines()
    assert (first, second) == ("probing raw on digits", "probing none on digits")
    assert header.split() == ["task", "method", "head", "1", "5", "20", "all"]
    assert rows[0].split()[:3] == ["digits", "raw", "linear"]
    assert "…" not in "".join(rows)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"run": "nowhere", "task": ("digits",)}, "nowhere"),
        ({"run": "random", "task": ("numerals",)}, "numerals"),
        ({"run": "random", "task": ()}, "task: got none"),
        ({"run": "random", "task": ("digits",), "draws": 0}, "draws: got 0"),
    ],
)
def test_probe_settings_that_are_wrong(settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        probe(ProbeSettings(**settings))


@pytest.mark.skipif(torch.cuda.is_available(), reason="only a machine without a GPU refuses one")
def test_probe_on_a_gpu_that_is_not_there() -> None:
    with pytest.raises(UserError, match="device: got cuda"):
        probe(ProbeSettings(run="random", task=("digits",), device="cuda"))
