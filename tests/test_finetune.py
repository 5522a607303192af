"""finetune: equal labels and equal effort for every row, nothing chosen on the test part, one line for mistakes."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from randquant import cli
from randquant.data import Batch, Dataset, open_data
from randquant.encoder import Encoder, ForeignEncoder, VisionBackbone, make_encoder
from randquant.errors import UserError
from randquant.finetune import compare, finetune, loop
from randquant.finetune.labels import labelled
from randquant.finetune.layers import layer_groups, layers
from randquant.finetune.loop import Classifier, fit, judge
from randquant.finetune.outcome import METRIC
from randquant.finetune.words import sentence
from randquant.pretrain import pretrain, train
from randquant.probe.cut import cut
from randquant.probe.logistic import Logistic, logistic
from randquant.probe.score import PENALTIES, draw_few, standardise
from randquant.report import write
from randquant.report.looks import looks as looks_of
from randquant.report.results import read
from randquant.run import Run, open_for
from randquant.settings import EncoderSettings, FinetuneSettings, PretrainSettings
from randquant.spec import Grid, Spec, Target
from samples import SMALL

DIGITS = open_data("digits")
STILL = replace(SMALL, dropout=0.0)


def few(part: str, each: int) -> Batch:
    """So many digits of each class."""
    whole = DIGITS.held(part)
    assert whole.target is not None
    rows = torch.cat([(whole.target == label).nonzero().flatten()[:each] for label in range(10)])
    return whole.take(rows.sort().values)


TINY = Dataset("tiny", DIGITS.spec, {"train": few("train", 10), "test": few("test", 5)}, DIGITS.classes, "images")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "run"
    return train(
        PretrainSettings(
            data="digits", method="rq", out=out, steps=30, batch=64, seed=3, encoder=SMALL, device="cpu", quiet=True
        )
    )


def settings(run: Run | None = None, **changes: Any) -> FinetuneSettings:
    """Trainings of a few steps."""
    path = Path("nowhere") if run is None else run.path
    plain: dict[str, Any] = {"steps": 6, "evaluate_every": 2, "draws": 2, "device": "cpu", "quiet": True}
    return FinetuneSettings(run=path, data="digits", **{**plain, **changes})


def fitted(given: FinetuneSettings, validation: Batch) -> tuple[Classifier, list[dict[str, Any]]]:
    """A small encoder trained on the tiny set, and its looks."""
    classifier = Classifier(make_encoder(DIGITS.spec, STILL, 1), 10, 2)
    return classifier, fit(classifier, TINY.held("train"), validation, given)


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


NONE = TINY.held("train").take(slice(0))


def test_each_layer_has_its_rate_and_matrices_alone_decay() -> None:
    classifier = Classifier(make_encoder(DIGITS.spec, SMALL, 0), 10, 0)
    groups = layer_groups(
        classifier.encoder, classifier.head, settings(learning_rate=2.0, layer_decay=0.5, weight_decay=0.3)
    )
    seen = {id(one): (group["peak"], group["weight_decay"]) for group in groups for one in group["params"]}
    assert len(seen) == sum(len(group["params"]) for group in groups) == len(list(classifier.parameters()))
    rates = {"encoder.norm": 2.0, "head": 2.0, "encoder.blocks.1": 1.0, "encoder.blocks.0": 0.5}
    for name, parameter in classifier.named_parameters():
        rate = next((rate for front, rate in rates.items() if name.startswith(front + ".")), 0.25)
        assert seen[id(parameter)] == (rate, 0.3 if parameter.ndim > 1 else 0.0), name


def test_layers_of_a_module_of_ones_own_are_its_children_in_order() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 4))
    module[1].bias.requires_grad_(False)
    head = nn.Linear(4, 10)
    encoder = ForeignEncoder(module, DIGITS.spec, width=4)
    groups = layer_groups(encoder, head, settings(learning_rate=1.0, layer_decay=0.5))
    peaks = {id(one): group["peak"] for group in groups for one in group["params"]}
    expected = {head.weight: 1, head.bias: 1, module[3].weight: 0.5, module[3].bias: 0.5, module[1].weight: 0.25}
    assert peaks == {id(one): rate for one, rate in expected.items()}


def by_layer(encoder: Encoder) -> list[set[str]]:
    """The names of a module's parameters, a layer each; the head's own are "head"."""
    head = nn.Linear(encoder.width, 10)
    module = encoder.module
    assert isinstance(module, nn.Module)
    names = {one: name for name, one in module.named_parameters()} | dict.fromkeys(head.parameters(), "head")
    found = layers(encoder, head)
    assert sum(map(len, found)) == len(names)
    return [{names[one] for one in layer} for layer in found]


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("timm/vit_tiny_patch16_224", [*(f"blocks.{place}." for place in range(12))]),
        ("torchvision/vit_b_16", [*(f"encoder.layers.encoder_layer_{place}." for place in range(12))]),
        ("torchvision/resnet18", [f"layer{stage}.{place}." for stage in (1, 2, 3, 4) for place in (0, 1)]),
        ("timm/convnext_atto", ["stages.0.blocks.0.", "stages.0.blocks.1.",
            *(f"stages.{stage}.{rest}" for stage, blocks in ((1, 2), (2, 6), (3, 2))
              for rest in ("downsample.", *(f"blocks.{place}." for place in range(blocks))))]),
    ],
)  # fmt: skip
def test_each_block_of_a_vision_model_is_a_layer(name: str, prefixes: list[str]) -> None:
    with torch.device("meta"):
        encoder = VisionBackbone(Spec((Grid(3, (224, 224), (224, 224)),)), EncoderSettings(backbone=name))
    whole = {one for one, _ in encoder.module.named_parameters()}
    first, *blocks, last = by_layer(encoder)
    assert blocks == [{one for one in whole if one.startswith(prefix)} for prefix in prefixes]
    assert last >= {"head"}
    norms = {one for one in last if one != "head"}
    assert all("norm" in one or "ln" in one for one in norms)
    assert first == whole - norms - set().union(*blocks)
    assert bool(norms) == ("resnet" not in name)


def wrapped(module: nn.Module) -> Encoder:
    return ForeignEncoder(module, DIGITS.spec, width=4)


def test_lists_inside_of_a_module_of_ones_own_are_opened() -> None:
    """Also where a module is wrapped around them; a matrix and what follows it is one layer, and so is a block."""
    step = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU())
    block = nn.ModuleDict({"one": nn.Linear(4, 4), "two": nn.Linear(4, 4)})
    rows = nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4), nn.Sequential(step, nn.Sequential(block)), nn.LayerNorm(4))
    expected = [("0.", "1."), ("2.0.",), ("2.1.",), ("3.", "head")]
    for module, front in ((rows, ""), (nn.Sequential(rows), "0.")):
        found = by_layer(wrapped(module))
        assert len(found) == len(expected)
        for layer, prefixes in zip(found, expected, strict=True):
            assert all(name.removeprefix(front).startswith(prefixes) for name in layer)
    assert len(by_layer(wrapped(nn.Sequential(nn.Linear(4, 4))))) == 2
    assert by_layer(wrapped(nn.Sequential(nn.LayerNorm(4)))) == [{"0.weight", "0.bias", "head"}]


def test_the_loop_is_plain_arithmetic() -> None:
    """The same bits as the lines written down, with one rate for all, a warm-up, and no validation part."""
    given = settings(steps=5, layer_decay=1.0, warmup=0.4, weight_decay=0.0, schedule="constant", batch=200)
    classifier, looks = fitted(given, NONE)
    expected = Classifier(make_encoder(DIGITS.spec, STILL, 1), 10, 2)
    optimizer = torch.optim.AdamW(expected.parameters(), lr=1e-3, weight_decay=0.0)
    losses = []
    for step in range(5):
        samples = TINY.held("train")
        batch = samples.take(loop.Draws(0, step, samples.ids).permutation("order"))
        assert batch.target is not None
        loss = nn.functional.cross_entropy(expected(batch.inputs), batch.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 2)
        optimizer.step()
        losses.append(loss.item())
    assert same(weights(classifier), weights(expected))
    assert looks == [{"step": step, "loss": losses[step - 1]} for step in (2, 4, 5)]
    assert not classifier.training


def test_early_stopping_restores_the_best_weights_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = iter([(0.2, 2.0), (0.5, 1.5), (0.5, 1.4), (0.4, 0.1), (0.5, 1.4)])
    at: list[dict[str, torch.Tensor]] = []

    def scripted(classifier: Classifier, samples: Batch) -> tuple[float, float]:
        at.append(weights(classifier))
        return next(reached)

    monkeypatch.setattr(loop, "judge", scripted)
    classifier, looks = fitted(settings(steps=100, patience=2), TINY.held("test"))
    assert [look["step"] for look in looks] == [2, 4, 6, 8, 10]
    assert [look["validation_accuracy"] for look in looks] == [0.2, 0.5, 0.5, 0.4, 0.5]
    assert same(weights(classifier), at[2])  # the lower loss of the two at 0.5, and an equal one is no better
    assert not same(at[2], at[4])


def test_without_a_validation_part_all_steps_are_made() -> None:
    assert fitted(settings(steps=7, patience=1), NONE)[1][-1]["step"] == 7


class Breaks(nn.Module):
    """Its features are 0 and finite until a step is made: the root has no slope at 0, so the gradient is no number."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(4))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return (self.scale * values.flatten(1)[:, :4].abs()).sqrt()


@pytest.mark.parametrize("part", ["train", "test"])
def test_weights_that_the_last_step_broke_are_told_in_one_line(part: str) -> None:
    """The loss of the step is finite; only a look at the weights after it tells, with a validation part or without."""
    validation = NONE if part == "train" else TINY.held("test")
    classifier = Classifier(ForeignEncoder(Breaks(), DIGITS.spec, width=4), 10, 2)
    with pytest.raises(UserError, match=r"^learning_rate: the loss became nan by step 1 with 0\.001; [^\n]*$"):
        fit(classifier, TINY.held("train"), validation, settings(steps=1, warmup=0.0))


def test_same_seed_same_bits_and_another_generator_is_left_alone() -> None:
    with_dropout = Classifier(make_encoder(DIGITS.spec, SMALL, 1), 10, 2)
    fit(with_dropout, TINY.held("train"), TINY.held("test"), settings())
    before = torch.get_rng_state()
    again = Classifier(make_encoder(DIGITS.spec, SMALL, 1), 10, 2)
    fit(again, TINY.held("train"), TINY.held("test"), settings())
    assert torch.equal(torch.get_rng_state(), before)
    assert same(weights(with_dropout), weights(again))
    fit(again, TINY.held("train"), TINY.held("test"), settings(seed=1))
    assert not same(weights(with_dropout), weights(again))


def test_labels_are_those_the_probe_draws_and_a_fifth_of_them_validates() -> None:
    labels = DIGITS.held("train").target.numpy()  # type: ignore[union-attr]
    found = {(one.name, one.draw): one for one in labelled(labels, 4, 3)}
    assert list(found) == [*((name, draw) for name in ("1", "5", "20") for draw in range(3)), ("all", 0)]
    pool, held_out = cut(labels, 4)
    for (name, draw), one in found.items():
        assert not set(one.teaching) & set(one.validation)
        if name != "all":
            assert set(one.rows) == set(draw_few(labels, pool, int(name), np.random.default_rng([4, int(name), draw])))
            assert np.bincount(labels[one.validation], minlength=10).tolist() == [int(name) // 5] * 10
    assert np.array_equal(found["all", 0].validation, held_out)
    assert set(found["5", 0].rows) != set(found["5", 1].rows)


def test_every_row_has_the_same_labels_and_effort(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Any, ...]] = []
    monkeypatch.setattr(compare, "judge", lambda classifier, samples: (0.5, 0.0))

    def watched(classifier: Classifier, teaching: Batch, validation: Batch, asked: FinetuneSettings) -> list[Any]:
        given.append((classifier, teaching.ids, validation.ids, asked))
        return []

    monkeypatch.setattr(compare, "fit", watched)
    finetune(settings(run), TINY)
    assert len(given) == 2 * (3 * 2 + 1)
    for scratch, tuned in zip(given[::2], given[1::2], strict=True):
        assert torch.equal(scratch[1], tuned[1])
        assert torch.equal(scratch[2], tuned[2])
        assert scratch[3] == tuned[3] == settings(run)
        assert same(weights(scratch[0].head), weights(tuned[0].head))
        assert same(weights(tuned[0].encoder), weights(run.encoder()))
        assert scratch[0].encoder.settings == tuned[0].encoder.settings
        assert not same(weights(scratch[0].encoder), weights(tuned[0].encoder))
    assert len({scratch[0].encoder.class_token[0].item() for scratch in given[::2]}) == 7


def test_the_test_part_trains_and_chooses_nothing(run: Run, tmp_path: Path) -> None:
    test = TINY.held("test")
    assert test.target is not None
    turned = replace(TINY, parts={**TINY.parts, "test": test._replace(target=(test.target + 1) % 10)})
    values = []
    for name, dataset in (("one", TINY), ("two", turned)):
        lines = finetune(settings(run, out=tmp_path / name, steps=10, draws=1), dataset)
        values.append([line["value"] for line in lines])
    for file in ("encoder.safetensors", "head.safetensors", "metrics.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert values[0] != values[1]


def test_the_plain_row_is_the_probes_logistic_regression(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "fit", lambda *_: [])
    lines = finetune(settings(run), TINY)
    found = {(one["labels"], one["draw"]): one["value"] for one in lines if one["method"] == "raw"}
    labels, test_labels = (TINY.held(part).target.numpy() for part in ("train", "test"))  # type: ignore[union-attr]
    scaled, scaled_test = standardise(*(TINY.held(part).inputs[0].flatten(1).numpy() for part in ("train", "test")))

    def named_right(head: Logistic) -> float:
        return float(np.mean(head.predict(scaled_test) == test_labels))

    for draw in range(2):
        rows = draw_few(labels, cut(labels, 0)[0], 1, np.random.default_rng([0, 1, draw]))
        assert found["1", draw] == named_right(logistic(scaled[rows], labels[rows], PENALTIES[3]))
    assert found["all", 0] in [named_right(logistic(scaled, labels, penalty)) for penalty in PENALTIES]


def test_pretrained_and_fine_tuned_end_to_end(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, before = tmp_path / "tuned", signal.getsignal(signal.SIGTERM)
    words = f"finetune {run.path} digits --out {out} --steps 8 --evaluate-every 4 --draws 1 --device cpu"
    try:
        assert cli.main([*words.split(), "--augment", "crop+rq"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    table, told = capfd.readouterr()
    header, *rows = (row.split("\t") for row in table.splitlines())
    assert header == ["task", "method", "head", "labels", "accuracy", "spread_draws"]
    assert [row[1:4] for row in rows] == [
        [method, "finetune", labels] for method in ("raw", "scratch", "rq") for labels in ("1", "5", "20", "all")
    ]
    assert "labels a class: 1, draw 1: raw " in told
    assert told.splitlines()[-1].startswith("Pretraining, in points over the same encoder from scratch")

    results = read(out / "results.jsonl")
    assert (len(results.scores), results.failures, results.damaged) == (12, (), 0)
    assert {line["suite"] for line in results.scores} == {"finetune"}
    assert {(line["metric"], line["seed"], line["samples"]) for line in results.scores} == {
        ("finetune_accuracy", 3, len(DIGITS.held("test").ids))
    }
    tuned = Run.open(out)
    assert [line["step"] for line in tuned.metrics()] == [4, 8]
    assert tuned.config["settings"]["method"] == "rq+finetune"
    classifier = Classifier(tuned.encoder(), 10, 0)
    classifier.head = tuned.head()
    accuracy, _ = judge(classifier, DIGITS.held("test"))
    assert accuracy == next(
        line["value"] for line in results.scores if (line["method"], line["labels"]) == ("rq", "all")
    )


def test_a_fine_tuning_on_a_path_is_a_run_that_other_commands_take(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It knows how the path is read, its label too, and names new samples by its head."""
    rng = np.random.default_rng(0)
    for name, count in (("a", 40), ("b", 60), ("c", 5)):
        words = np.array(["low", "mid", "top"])[np.arange(count) % 3]
        values = rng.normal(size=(count, 2, 16)) + np.arange(count)[:, None, None] % 3
        np.savez(tmp_path / f"{name}.npz", x=values, **({"kind": words} if name == "b" else {}))
    tiny = "--steps 2 --width 16 --depth 1 --heads 2 --head-width 8 --mlp-width 16 --quiet --device cpu"
    rest = "--steps 2 --draws 1 --device cpu --quiet"
    before = signal.getsignal(signal.SIGTERM)
    try:
        for words in (
            f"pretrain {tmp_path}/a.npz --out {tmp_path}/own1 {tiny}",
            f"finetune {tmp_path}/own1 {tmp_path}/b.npz --label kind --out {tmp_path}/own2 {rest}",
            f"probe {tmp_path}/own2 {tmp_path}/b.npz --draws 1 --device cpu --quiet",
            f"embed {tmp_path}/own2 {tmp_path}/c.npz -o {tmp_path}/c.npy --device cpu",
            f"view {tmp_path}/own2",
            f"finetune {tmp_path}/own2 {tmp_path}/b.npz --augment rq {rest}",
        ):
            assert cli.main(words.split()) == 0, capfd.readouterr().err
    finally:
        signal.signal(signal.SIGTERM, before)
    run = Run.open(tmp_path / "own2")
    found = run.head()(torch.from_numpy(np.load(tmp_path / "c.npy")))
    assert found.shape == (5, 3)
    assert run.config["classes"] == ["low", "mid", "top"]
    samples = open_for(run, str(tmp_path / "c.npz"), labelled=False).held("train")
    with torch.inference_mode():
        assert torch.allclose(run.head()(run.encoder()(samples.inputs)), found, atol=1e-5)
    text = (tmp_path / "own2" / "README.md").read_text()
    assert f"trained without labels, then fine-tuned with those of `{tmp_path}/b.npz`" in text
    assert "2 of 2 steps of 8 samples, seed 0.\n\nFine-tuned, all of it" in text
    assert "logits = run.head()(features)" in text
    assert Run.open(tmp_path / "own1").taught() is None
    with pytest.raises(UserError, match=r"^run: .* holds no head\.safetensors; give a folder that randquant finetune"):
        Run.open(tmp_path / "own1").head()


def test_quiet_says_nothing_in_mixed_precision_either(
    run: Run, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        finetune(settings(run, precision="bf16", steps=1, draws=1), TINY)
    assert (caplog.messages, capfd.readouterr()) == ([], ("", ""))


def test_a_report_names_the_heading_and_the_encoder_from_scratch(tmp_path: Path) -> None:
    asked = {"suite": "finetune", "domain": "images", "task": "digits", "head": "finetune", "labels": "all"}
    values = {"rq": 0.9, "scratch": 0.8, "raw": 0.7}
    rows = [
        {**asked, "method": method, "seed": 0, "draw": 0, "metric": METRIC, "value": value, "status": "ok"}
        for method, value in values.items()
    ]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = write(tmp_path, tmp_path / "report.html")
    text = page.with_suffix(".md").read_text()
    told, *_ = text.splitlines()
    beaten = "raw pixels or the encoder from scratch: a single draw of labels cannot tell."
    assert told == f"# RQ, fine-tuned, is not shown to beat {beaten}"
    table = [line for line in text.splitlines() if line.startswith("|")][:5]
    assert table[0] == "| | Fine-tuned, all |"
    assert [row.split("|")[1].strip() for row in table[2:]] == ["Raw pixels", "From scratch", "RQ"]
    assert 'class="head">Fine-tuned</th>' in page.read_text()
    assert "Fine-tuned: no plain row is highest; RQ is highest with all labels." in text


def test_from_scratch_has_a_look_of_its_own() -> None:
    names = ["raw", "none", "scratch", "emix", "rq", "crop+rq", "a", "b", "c", "d", "e"]  # five take spare colours
    seen = looks_of(names)
    for shade in ("light", "dark"):
        assert len({getattr(look, shade) for look in seen.values()}) == len(names)
    assert {seen["scratch"].dash, seen["scratch"].marker}.isdisjoint(
        {one for name, look in seen.items() if name != "scratch" for one in (look.dash, look.marker)}
    )
    light, dark = (luminance(colour) for colour in (seen["scratch"].light, seen["scratch"].dark))
    assert (luminance("#fcfcfa") + 0.05) / (light + 0.05) >= 3
    assert (dark + 0.05) / (luminance("#141518") + 0.05) >= 3


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_fine_tuning_learns(run: Run) -> None:
    classifier = Classifier(run.encoder(), 10, 0)
    train_part, test = few("train", 40), DIGITS.held("test")
    before, _ = judge(classifier, test)
    fit(classifier, train_part, NONE, settings(steps=120, learning_rate=1e-2, batch=100))
    after, _ = judge(classifier, test)
    assert before < 0.3
    assert after > 0.5


def test_partners_change_training_samples_alone(run: Run) -> None:
    chain = compare.make_chain("crop+rq", DIGITS.spec, run.config["settings"])
    encoder: Encoder = make_encoder(DIGITS.spec, STILL, 1)
    plain, changed = (Classifier(encoder, 10, 2, one) for one in (None, chain))
    inputs, draws = TINY.held("test").inputs, loop.Draws(0, 0, TINY.held("test").ids)
    assert torch.equal(plain(inputs), changed(inputs))
    assert torch.equal(plain(inputs, draws), plain(inputs))
    assert torch.equal(changed(inputs, draws), changed(inputs, draws))
    assert not torch.equal(changed(inputs, draws), plain(inputs))


def make_module() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 8))


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(DIGITS, encoder=make_module(), method="rq", out=out, steps=2, batch=32, device="cpu", quiet=True)
    given = settings(Run.open(out), draws=1, out=tmp_path / "tuned")
    with pytest.raises(UserError, match="module of your own"):
        finetune(given, TINY)
    torch.manual_seed(0)
    once = finetune(given, TINY, make_module)
    torch.manual_seed(1)
    again = finetune(replace(given, out=None), TINY, make_module)
    assert [line["value"] for line in once] == [line["value"] for line in again]
    assert Run.open(tmp_path / "tuned").encoder(make_module()).width == 8


def lines(method: str, labels: str, *values: float, samples: int = 400) -> Iterator[dict[str, Any]]:
    return ({"method": method, "labels": labels, "value": value, "samples": samples} for value in values)


def test_the_sentence_says_where_pretraining_paid() -> None:
    found = [
        *lines("raw", "1", 0.9, 0.9, 0.9),
        *lines("scratch", "1", 0.2, 0.3, 0.25),
        *lines("rq", "1", 0.4, 0.6, 0.5),
        *lines("raw", "5", 0.1, 0.1, 0.1),
        *lines("scratch", "5", 0.5, 0.6, 0.5),
        *lines("rq", "5", 0.6, 0.5, 0.5),
        *lines("raw", "20", 0.1, 0.1, 0.1),
        *lines("scratch", "20", 0.8, 0.9, 0.85),
        *lines("rq", "20", 0.7, 0.8, 0.75),
        *lines("raw", "all", 0.9),
        *lines("scratch", "all", 0.91),
        *lines("rq", "all", 0.95),
    ]
    assert sentence(found, "rq") == (
        "Pretraining, in points over the same encoder from scratch with the same labels: "
        "paid with 1 label a class (+25.0 ± 5.0); cost accuracy with 20 labels a class (-10.0 ± 0.0); "
        "not clearly with 5 labels a class (+0.0 ± 10.0); cannot be told from a single draw with all labels (+4.0). "
        "The plain row, raw, is ahead of both with 1 label a class."
    )


def test_few_test_samples_and_few_draws_tell_nothing() -> None:
    one_of_sixty = [*lines("raw", "1", 0.1, 0.1, 0.1, samples=60), *lines("scratch", "1", 0.9, 0.9, 0.9, samples=60)]
    one_of_sixty += lines("rq", "1", *[0.9 - 1 / 60] * 3, samples=60)
    assert sentence(one_of_sixty, "rq").endswith("not clearly with 1 label a class (-1.7 ± 0.0).")
    twice = [*lines("raw", "1", 0.1, 0.1), *lines("scratch", "1", 0.2, 0.2), *lines("rq", "1", 0.8, 0.9)]
    assert sentence(twice, "rq").endswith("cannot be told from 2 draws with 1 label a class (+65.0 ± 7.1).")


def relabelled(target: Target | None, **changes: Any) -> Dataset:
    return replace(TINY, spec=Spec(TINY.spec.inputs, target), **changes)


@pytest.mark.parametrize(
    ("dataset", "changes", "said"),
    [
        (relabelled(None), {}, "data: tiny has no labels"),
        (relabelled(Target("regression", 1)), {}, "data: tiny has a target of kind regression"),
        (replace(TINY, parts={"train": TINY.parts["train"]}), {}, "tiny has no test part"),
        (replace(TINY, spec=replace(TINY.spec, inputs=(replace(TINY.spec.inputs[0], size=(8, 4)),))), {},
         r"size=\(8, 4\).*size=\(8, 8\)"),
        (replace(TINY, parts={**TINY.parts, "train": TINY.held("train").take(TINY.held("train").target == 3)}), {},
         "has 1 class in its train part"),
        (replace(TINY, parts={**TINY.parts, "train": few("train", 3)}), {}, "largest class .* 3 samples"),
        (TINY, {"run": Path("nowhere")}, "run: nowhere does not exist"),
        (TINY, {"augment": "crop+jitter"}, "augment: got 'crop\\+jitter'"),
        (TINY, {"augment": "rq+rq"}, "each once"),
        (TINY, {"learning_rate": 1e30}, "learning_rate: the loss became"),
    ],
)  # fmt: skip
def test_what_cannot_be_fine_tuned_is_told_in_one_line(
    dataset: Dataset, changes: dict[str, Any], said: str, run: Run
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        finetune(replace(settings(run), **changes), dataset)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["steps", "batch", "patience", "evaluate_every", "draws", "layer_decay", "warmup"])
def test_settings_that_are_wrong(name: str) -> None:
    with pytest.raises(UserError, match=f"^{name}: got -1"):
        settings(**{name: -1})


def test_a_folder_in_use_is_found_before_any_training(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "fit", lambda *_: pytest.fail("a training began"))
    with pytest.raises(UserError, match=r"holds a config\.json already"):
        finetune(settings(run, out=run.path), TINY)
    with pytest.raises(UserError, match="cannot be written"):
        finetune(settings(run, out=Path("/dev/null/out")), TINY)


def without_seconds(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_an_interrupted_fine_tuning_goes_on_to_the_same_results(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a draw that is finished, one that is half written, and one that is half saved."""
    whole = finetune(settings(run, out=tmp_path / "whole"), TINY)
    assert [(one["method"], one["labels"], one["draw"]) for one in whole[:4]] == [
        *(("raw", "1", 0), ("scratch", "1", 0), ("rq", "1", 0)), ("raw", "1", 1),
    ]  # fmt: skip
    given = settings(run, out=tmp_path / "parts")
    trained: list[Classifier] = []

    def counted(last: int) -> Any:
        def trainings(*asked: Any) -> list[dict[str, Any]]:
            if len(trained) == last:
                raise KeyboardInterrupt
            trained.append(asked[0])
            return fit(*asked)

        return trainings

    monkeypatch.setattr(compare, "fit", counted(3))
    with pytest.raises(KeyboardInterrupt):
        finetune(replace(given, quiet=False), TINY)
    assert "give the same command to go on" in capfd.readouterr().err
    parts = Run.open(tmp_path / "parts")
    assert without_seconds(parts.results()) == without_seconds(whole[:3])
    with pytest.raises(UserError, match="a fine-tuning by the same command"):
        parts.encoder()

    lines = (parts.path / "results.jsonl").read_text()
    (parts.path / "results.jsonl").write_text(
        lines + lines.splitlines()[0].replace('"draw": 0', '"draw": 1') + '\n{"su'
    )
    monkeypatch.setattr(compare, "fit", counted(17))
    monkeypatch.setattr(Run, "save_card", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        finetune(given, TINY)
    monkeypatch.undo()
    assert len(trained) == 3 + 12 == len({id(one) for one in trained})

    monkeypatch.setattr(compare, "fit", counted(17))
    assert without_seconds(finetune(given, TINY)) == without_seconds(whole)
    assert len(trained) == 17
    for file in ("encoder.safetensors", "head.safetensors", "metrics.jsonl", "taught.npy"):
        assert (parts.path / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    results = read(parts.path / "results.jsonl")
    assert (len(results.scores), results.damaged) == (21, 1)
    before = (parts.path / "results.jsonl").read_bytes()
    assert finetune(replace(given, quiet=False), TINY)[-1] == parts.results()[-1]  # nothing is trained once more
    assert "all labels: finished before, skipped" in capfd.readouterr().err
    assert (parts.path / "results.jsonl").read_bytes() == before
    assert [line["seconds"] for line in whole if line["method"] == "rq"] == sorted(
        line["seconds"] for line in whole if line["method"] == "rq"
    )


def test_another_fine_tuning_does_not_go_on_in_its_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(run, out=tmp_path / "out", draws=1, steps=1)
    finetune(given, TINY)
    monkeypatch.setattr(compare, "fit", lambda *_: pytest.fail("a training began"))
    train_part = TINY.held("train")
    assert train_part.target is not None
    changed = train_part._replace(target=train_part.target.roll(1))
    only = f"{tmp_path}/out can only be gone on with unchanged, so name another folder"
    for asked, dataset, told in (
        (
            replace(given, steps=2, seed=5),
            TINY,
            "steps: got 2, but it was started with 1; seed: got 5, but it was started",
        ),
        (
            given,
            replace(TINY, parts={**TINY.parts, "train": changed}),
            "data: got samples with other labels than those",
        ),
        (
            given,
            replace(TINY, parts={**TINY.parts, "test": few("test", 4)}),
            "data: got 40 samples, but it was started",
        ),
    ):
        with pytest.raises(UserError, match=f"^{told}") as caught:
            finetune(asked, dataset)
        assert str(caught.value).endswith(only)
    kept = (run.path / "encoder.safetensors").read_bytes()
    try:
        run.save_encoder(make_encoder(DIGITS.spec, SMALL, 7))
        with pytest.raises(UserError, match=r"^run: .* holds another encoder than the one it was started with; "):
            finetune(given, TINY)
    finally:
        (run.path / "encoder.safetensors").write_bytes(kept)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.jsonl").write_text("")
    with pytest.raises(UserError, match=r"holds a results\.jsonl already"):
        finetune(replace(given, out=tmp_path / "results"), TINY)


def test_several_processes_are_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    with pytest.raises(UserError, match="start it without torchrun"):
        finetune(settings(run), TINY)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(
    number: signal.Signals, code: int, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "fit", lambda *_: signal.raise_signal(number))
    before = signal.getsignal(signal.SIGTERM)
    try:
        words = ["finetune", run.path, "digits", "--out", tmp_path / "out", "--device", "cpu", "--quiet"]
        assert cli.main([str(word) for word in words]) == code
    finally:
        signal.signal(signal.SIGTERM, before)
    assert json.dumps([path.name for path in (tmp_path / "out").iterdir()]) == "[]"
