"""probe: metrics by hand, heads for findings and numbers, the benchmark's head, and plain features of large samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from randquant.data import Batch, Dataset, Items, Metric, open_data
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.probe import benchmark, extract, score_task
from randquant.probe import task as probe_task
from randquant.probe.anew import Anew
from randquant.probe.benchmark import mean_over_batches, train_head
from randquant.probe.features import targets_of
from randquant.probe.metrics import accuracy, auroc_macro, pearson, spearman
from randquant.probe.plain import plain
from randquant.probe.values import score_values
from randquant.quantize.draw import Draws, torch_seed
from randquant.settings import EncoderSettings, ProbeSettings
from randquant.spec import Grid, Spec, Table, Target, Tokens

RNG = np.random.default_rng(0)


def test_metrics_by_hand() -> None:
    assert accuracy(np.array([[0.0, 2.0], [3.0, 1.0], [0.0, 1.0]]), np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(np.array([-1.0, 0.5, 2.0, 0.0]), np.array([0, 1, 0, 0])) == 0.75
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])) == pytest.approx(1)
    assert pearson(np.array([1.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])) == 0
    assert spearman(np.array([1.0, 10.0, 100.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)
    # One finding: of 2 x 2 pairs, 0.9 > 0.5, 0.9 > 0.1, 0.5 = 0.5 counts half, 0.5 > 0.1.
    scores, found = np.array([[0.9], [0.5], [0.5], [0.1]]), np.array([[1], [1], [0], [0]])
    assert auroc_macro(scores, found) == pytest.approx(3.5 / 4)
    never = np.hstack([found, np.zeros_like(found)])  # a finding that nobody has is left out of the mean
    assert auroc_macro(np.hstack([scores, scores]), never) == pytest.approx(3.5 / 4)
    assert auroc_macro(scores, np.ones_like(found)) == 0.5


def test_metrics_are_those_of_other_libraries() -> None:
    one, other = RNG.integers(0, 5, 50).astype(float), RNG.normal(size=50)
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other).statistic)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)
    found = RNG.integers(0, 2, (50, 3))
    scores = RNG.integers(0, 4, (50, 3)).astype(float)
    assert auroc_macro(scores, found) == pytest.approx(roc_auc_score(found, scores, average="macro"))


def linear_task(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, and what a linear map of them says."""
    features = RNG.normal(size=(300, 6))
    return features, features @ RNG.normal(size=(6, size)), RNG.normal(size=(300, 6))


@pytest.mark.parametrize(("metric", "size"), [("spearman", 1), ("auroc_macro", 3), ("pearson", 1)])
def test_what_is_linear_is_read_and_noise_is_not(metric: Metric, size: int) -> None:
    features, told, noise = linear_task(size)
    targets = told[:, 0] if metric == "spearman" else (told > 0).astype(np.int64).reshape(300, *([size] * (size > 1)))
    cut = slice(None, 200), slice(200, None)
    linear, near = score_values(features[cut[0]], targets[cut[0]], features[cut[1]], targets[cut[1]], metric=metric)
    name = metric.removesuffix("_macro")
    assert (linear.metric, near.metric) == (f"linear_{name}", f"knn_{name}")
    assert (linear.labels, near.labels) == ("all", "all")
    assert linear.value > (0.75 if metric == "pearson" else 0.95)
    assert near.value > 0.5
    blind = score_values(noise[cut[0]], targets[cut[0]], noise[cut[1]], targets[cut[1]], metric=metric)
    chance = 0.5 if metric == "auroc_macro" else 0.0
    assert all(abs(one.value - chance) < 0.35 for one in blind)


@pytest.mark.parametrize(
    ("target", "metric", "least"),
    [
        (Target("class", 3), "accuracy", 0.85),
        (Target("binary", 1), "accuracy", 0.85),
        (Target("binary", 1), "pearson", 0.6),
        (Target("multilabel", 3), "auroc_macro", 0.9),
        (Target("regression", 1), "spearman", 0.9),
    ],
)
def test_the_benchmarks_head_learns_every_kind_of_target(
    target: Target, metric: Metric, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, told, _ = linear_task(3)
    targets = {
        "class": told.argmax(axis=1),
        "binary": (told[:, 0] > 0).astype(np.int64),
        "multilabel": (told > 0).astype(np.int64),
        "regression": told[:, 0],
    }[target.kind]
    monkeypatch.setattr(benchmark, "RATE", 1e-2)  # by the benchmark's own, a weight moves by 1e-4 a step at most
    (found,) = benchmark.score_benchmark(
        features[:200], targets[:200], features[200:], targets[200:], target=target, metric=metric, batch=32
    )
    assert found.metric == f"linear_{metric.removesuffix('_macro')}"
    assert found.value > least
    assert found.part is not None  # so that an interval can cover test groups
    assert found.part(np.ones(len(features) - 200, dtype=bool)) == found.value


def test_a_mean_over_batches_by_hand() -> None:
    scores, targets = np.array([0.0, 1.0, 2.0, 5.0, 4.0, 9.0, 7.0]), np.array([0.0, 2.0, 1.0, 3.0, 9.0, 5.0, 6.0])
    for metric, known in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        parts = [known(scores[rows], targets[rows]).statistic for rows in (slice(0, 4), slice(4, 7))]
        found = mean_over_batches(scores, targets, metric=metric, batch=4)  # type: ignore[arg-type]
        assert found == pytest.approx((4 * parts[0] + 3 * parts[1]) / 7)
        assert abs(found - known(scores, targets).statistic) > 0.1
    flat = np.array([1.0, 1.0, 1.0, 1.0, 4.0, 9.0, 7.0])  # the first batch says one thing alone
    for one, other in ((flat, targets), (targets, flat)):
        assert np.isnan(mean_over_batches(one, other, metric="pearson", batch=4))
        second = stats.spearmanr(one[4:], other[4:]).statistic
        assert mean_over_batches(one, other, metric="spearman", batch=4) == pytest.approx(3 * second / 7)


@pytest.mark.parametrize(
    ("target", "metric"),
    [(Target("binary", 1), "pearson"), (Target("regression", 1), "spearman"), (Target("multilabel", 3), "auroc_macro")],
)
def test_the_benchmarks_head_scores_batch_by_batch_where_it_is_asked_to(target: Target, metric: Metric) -> None:
    features, told, _ = linear_task(3)
    targets = {"binary": told[:, 0] > 0, "multilabel": told > 0}.get(target.kind, told[:, 0]).astype(np.float64)
    given = (features[:200], targets[:200], features[200:], targets[200:])
    whole, parts = (
        benchmark.score_benchmark(*given, target=target, metric=metric, batch=32, epochs=2, faithful=faithful)[0]
        for faithful in (False, True)
    )
    assert parts.metric == whole.metric
    if metric == "auroc_macro":  # the benchmark's code gathers it over all batches
        assert parts.value == whole.value
        return
    head = train_head(*given[:2], target=target, batch=32, seed=0, epochs=2)
    with torch.inference_mode():
        scores = head(torch.from_numpy(given[2].astype(np.float32)))[:, 0].double().numpy()
    assert parts.value == mean_over_batches(scores, targets[200:], metric=metric, batch=32) != whole.value


def test_a_mean_over_batches_that_is_no_number_is_refused() -> None:
    features, told, _ = linear_task(1)
    yes = (told[:, 0] > 0).astype(np.int64)
    parts = (features[:200], yes[:200], features[200:], np.sort(yes[200:]))  # all of the first batch are no
    given = {"target": Target("binary", 1), "metric": "pearson", "batch": 32, "epochs": 1}
    assert np.isfinite(benchmark.score_benchmark(*parts, **given)[0].value)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="dabs_faithful: the mean of pearson over batches of 32 test samples is no"):
        benchmark.score_benchmark(*parts, **given, faithful=True)  # type: ignore[arg-type]


def test_the_benchmarks_head_is_the_plain_loop_over_epochs() -> None:
    """Three epochs of two batches each by hand; what is left of an epoch is left out."""
    features, targets = RNG.normal(size=(5, 2)).astype(np.float32), np.array([0, 1, 0, 1, 1])
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(4, "head"))
        head = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4, weight_decay=1e-4)
    for epoch in range(3):
        order = Draws(4, epoch, torch.arange(5)).permutation("head").tolist()
        for rows in (order[:2], order[2:4]):
            loss = torch.nn.functional.cross_entropy(head(torch.tensor(features[rows])), torch.tensor(targets[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    given = {"target": Target("class", 2), "batch": 2, "seed": 4, "epochs": 3}
    trained = train_head(features, targets, **given)  # type: ignore[arg-type]
    torch.testing.assert_close(trained.weight, head.weight, rtol=0, atol=0)
    torch.testing.assert_close(trained.bias, head.bias, rtol=0, atol=0)


def test_encoding_anew_switches_dropout_alone() -> None:
    dataset = task("class", 3, "accuracy")
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.5))
    look = Anew(_OfOne(encoder), dataset.parts["train"], 0)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert float((look(0, torch.arange(8)) == 0).float().mean()) > 0.2
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert encoder.training


class _OfOne(torch.nn.Module):
    """A module of a tensor, for samples of one input."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return torch.as_tensor(self.module(inputs[0]))


def test_with_the_benchmarks_errors_the_head_sees_dropout_that_differs_by_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = task("class", 3, "accuracy")
    train = dataset.parts["train"]
    encoder = make_encoder(dataset.spec, EncoderSettings(depth=1, width=16, heads=2, dropout=0.5), 0).eval()
    rows = torch.tensor([4, 9, 2])
    still, dropped = Anew(encoder, train, 0, dropout=False), Anew(encoder, train, 0)
    before = torch.random.get_rng_state()
    torch.testing.assert_close(still(0, rows), torch.from_numpy(extract(encoder, train))[rows])
    assert torch.equal(dropped(3, rows), dropped(3, rows))
    for other in (dropped(4, rows), Anew(encoder, train, 1)(3, rows), still(3, rows)):
        assert not torch.allclose(dropped(3, rows), other, atol=1e-2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not encoder.training
    looks = []
    monkeypatch.setattr(probe_task, "score_benchmark", lambda *_, anew, **__: looks.append(anew) or [])
    for one, faithful in ((encoder, False), (None, True), (encoder, True)):
        score_task(one, dataset, seed=0, protocol="dabs", faithful=faithful)
    assert looks[:2] == [None, None]
    assert isinstance(looks[2], Anew)
    assert torch.equal(looks[2](3, rows), dropped(3, rows))
    given = {"target": dataset.spec.target, "batch": 8, "seed": 0, "epochs": 1}
    features, targets = extract(encoder, train), targets_of(train, "class")
    heads = [train_head(features, targets, **given, anew=look).weight.detach() for look in (None, still, dropped)]  # type: ignore[arg-type]
    torch.testing.assert_close(heads[0], heads[1])
    assert float((heads[0] - heads[2]).abs().max()) > 1e-5


def task(kind: str, size: int, metric: Metric) -> Dataset:
    told = torch.from_numpy(RNG.normal(size=(60, size)))
    target = {"class": told.argmax(1), "multilabel": (told > 0).float(), "regression": told[:, 0]}[kind]
    pixels = torch.rand(60, 1, 4, 4)
    samples = Batch(torch.arange(60), (pixels,), target)
    parts = {"train": samples.take(slice(0, 40)), "test": samples.take(slice(40, 60))}
    spec = Spec((Grid(1, (4, 4), (2, 2)),), Target(kind, size))  # type: ignore[arg-type]
    return Dataset("mine", spec, parts, metric=metric, batch=8)


@pytest.mark.parametrize("protocol", ["default", "dabs"])
@pytest.mark.parametrize(
    ("kind", "size", "metric"),
    [("class", 3, "accuracy"), ("multilabel", 3, "auroc_macro"), ("regression", 1, "spearman")],
)
def test_a_task_is_probed_by_its_metric(kind: str, size: int, metric: Metric, protocol: str) -> None:
    dataset = task(kind, size, metric)
    encoder = make_encoder(dataset.spec, EncoderSettings(width=8, depth=1, heads=1, head_width=4, mlp_width=8), 0)
    found = score_task(encoder, dataset, seed=0, draws=1, protocol=protocol)  # type: ignore[arg-type]
    assert f"linear_{metric.removesuffix('_macro')}" in {one.metric for one in found}
    assert "all" in {one.labels for one in found}
    assert all(np.isfinite(one.value) for one in found)


def test_the_words_of_a_probe_reach_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, object]] = []
    monkeypatch.setattr(
        probe_task, "score_task", lambda *_, **given: asked.append((given["protocol"], given["faithful"])) or []
    )
    monkeypatch.setattr(probe_task, "open_data", lambda name, **_: open_data(name))
    for faithful in (False, True):
        probe_task.probe(
            ProbeSettings(run="raw", task=("digits",), protocol="dabs", dabs_faithful=faithful, quiet=True)
        )
    assert set(asked) == {("dabs", False), ("dabs", True)}


def test_a_metric_that_makes_no_sense_of_the_target_is_refused() -> None:
    with pytest.raises(UserError, match="task: mine has a target of kind regression, which is scored by pearson or"):
        score_task(None, dataclasses.replace(task("regression", 1, "spearman"), metric="accuracy"), seed=0)


def test_features_from_files_are_those_from_memory() -> None:
    pixels = torch.rand(300, 1, 4, 4)
    items = Items(torch.arange(300), lambda position: (pixels[position],))
    encoder = make_encoder(Spec((Grid(1, (4, 4), (2, 2)),)), EncoderSettings(width=8, depth=1), 0)
    np.testing.assert_allclose(extract(encoder, items), extract(encoder, items.take(items.ids)), atol=1e-6)


def test_plain_features_of_every_kind_of_input() -> None:
    symbols = torch.tensor([[5, 5, 0], [6, 7, 0], [5, 7, 7]])
    large = torch.rand(3, 3, 64, 64)
    cells = torch.tensor([[0.5, 1.0], [0.25, 2.0], [1.0, 3.0]])
    samples = Batch(torch.arange(3), (large, symbols, cells))
    inputs = (Grid(3, (64, 64), (8, 8)), Tokens(9, 3, padding=0), Table(1, (4,)))
    train, test = plain(inputs, samples, samples.take(slice(1, 2)))
    assert train.shape == (3, 3 * 32 * 32 + 1024 + 2)
    np.testing.assert_array_equal(train[1], test[0])
    pooled = large.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(-2, -1))  # 64 to 32 places: 2 x 2 averaged
    np.testing.assert_allclose(train[:, : 3 * 1024], pooled.flatten(1), rtol=1e-5)
    counted = train[:, 3 * 1024 : -2]
    assert (counted[:, 0] == 0).all(), "padding is not counted"
    rare, common = np.log(4 / 2) + 1, np.log(4 / 3) + 1  # 6 stands in one sample of three, 7 in two
    np.testing.assert_allclose(counted[1, [6, 7]], np.array([rare, common]) / np.hypot(rare, common), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(counted, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(train[:, -2:], cells)
