"""pretrain: the loop is plain arithmetic, repeatable to the bit, stoppable and resumable, and refuses in one line."""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from killed import stored_digits
from randquant.bench import bench, choose
from randquant.data import Batch, Dataset, open_data
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.finetune import finetune
from randquant.methods import make_method
from randquant.pretrain import display, loop, pretrain, train
from randquant.pretrain.processes import launch
from randquant.quantize.draw import Draws, torch_seed
from randquant.run import Run
from randquant.settings import (
    BenchSettings,
    ChooseSettings,
    EncoderSettings,
    FinetuneSettings,
    MethodSettings,
    PretrainSettings,
    SuperviseSettings,
)
from randquant.spec import Grid, Spec
from randquant.supervise import supervise
from samples import SMALL

DIGITS = open_data("digits")


def settings(out: Path, **changes: Any) -> PretrainSettings:
    """A training of seconds: 3 batches an epoch, so 8 steps end in the middle of the third."""
    plain: dict[str, Any] = {"steps": 8, "batch": 300, "encoder": SMALL, "schedule": "constant", "warmup": 0.0}
    return PretrainSettings(
        data="digits", out=out, **{**plain, "log_every": 1, "quiet": True, "device": "cpu", **changes}
    )


def state(run: Run) -> dict[str, Any]:
    """The newest state of a run."""
    newest: dict[str, Any] = torch.load(max(run.path.glob("state-*.pt")), weights_only=True)["state"]
    return newest


def weights(run: Run) -> bytes:
    return (run.path / "encoder.safetensors").read_bytes()


def assert_equal(one: object, other: object) -> None:
    """Trees of tensors and plain values, bit for bit."""
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for name in one:
            assert_equal(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    elif isinstance(one, Tensor):
        assert isinstance(other, Tensor)
        assert torch.equal(one, other)
    else:
        assert one == other


def test_the_loop_is_fifteen_plain_lines(tmp_path: Path) -> None:
    """What Fabric and the bookkeeping add is nothing: the same bits as the arithmetic written down."""
    given = settings(tmp_path, method="rq", encoder=replace(SMALL, dropout=0.0), learning_rate=3e-3, weight_decay=0.1)
    run = train(given)
    samples = DIGITS.held("train")
    encoder = make_encoder(DIGITS.spec, given.encoder, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(torch_seed(0, "method"))
        method = make_method("rq", encoder, given.method_details)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=3e-3, weight_decay=0.1)
    losses = []
    for step in range(8):
        order = Draws(0, step // 3, samples.ids).permutation("order")
        rows = order[step % 3 * 300 : (step % 3 + 1) * 300]
        batch = samples.take(rows)
        loss = method(encoder, batch, Draws(0, step // 3, batch.ids), step / 8).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert_equal(dict(run.encoder().state_dict()), dict(encoder.state_dict()))
    assert [line["loss"] for line in run.metrics() if "loss" in line] == losses


@pytest.mark.parametrize("method", ["emix", "rq", "crop+rq"])
def test_same_seed_same_bits(method: str, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    one = train(settings(tmp_path / "one", method=method, steps=4))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    two = train(settings(tmp_path / "two", method=method, steps=4))
    other = train(settings(tmp_path / "other", method=method, steps=4, seed=1))
    assert weights(one) == weights(two) != weights(other)
    timed = ("seconds", "samples_per_second")
    lines = [[{k: v for k, v in line.items() if k not in timed} for line in run.metrics()] for run in (one, two)]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("method", "number", "code"),
    [("emix", signal.SIGINT, 130), ("rq", signal.SIGTERM, 143), ("crop+rq", signal.SIGINT, 130)],
)
def test_stopped_and_resumed_equals_uninterrupted(
    method: str, number: signal.Signals, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the second epoch, dropout on."""
    whole = train(settings(tmp_path / "whole", method=method, schedule="cosine", warmup=0.4))
    given = settings(tmp_path / "parts", method=method, schedule="cosine", warmup=0.4)
    show = display.Display.show

    def stopping(shown: display.Display, done: int, loss: float) -> None:
        show(shown, done, loss)
        if done == 5:
            signal.raise_signal(number)

    monkeypatch.setattr(display.Display, "show", stopping)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        train(given)
    assert caught.value.code == code
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    monkeypatch.undo()
    assert state(Run.open(given.out))["step"] == 5
    assert " 5 of 8 steps " in (given.out / "README.md").read_text()
    assert weights(Run.open(given.out)) != weights(whole)
    resumed = train(replace(given, resume=True))
    assert weights(resumed) == weights(whole)
    states = [{k: v for k, v in state(run).items() if k != "seconds"} for run in (resumed, whole)]
    assert_equal(*states)
    assert [line["step"] for line in resumed.metrics()] == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert resumed.metrics()[-2]["seconds"] > resumed.metrics()[4]["seconds"]


def test_a_state_that_is_thrown_away_is_not_said_to_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(display.Display, "show", lambda *_: signal.raise_signal(signal.SIGINT))
    for kept in (True, False):
        caplog.clear()
        with pytest.raises(SystemExit):
            train(settings(tmp_path / f"kept{kept}"), kept=kept)
        (told,) = caplog.messages
        assert told.startswith("interrupted after step 1")
        assert ("saved in" in told) == kept
    monkeypatch.undo()
    with pytest.raises(UserError) as problem:
        train(settings(tmp_path / "lost", learning_rate=1e30), kept=False)
    assert "saved" not in str(problem.value)


def test_fabrics_advice_and_the_precision_that_was_asked_for_are_not_passed_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    launch("cpu", "32")
    log = logging.getLogger("lightning_fabric.utilities.rank_zero")
    with caplog.at_level(logging.INFO, log.name):
        log.info("You are using a CUDA device ('GPU') that has Tensor Cores. To properly utilize them, you should")
        log.info("Using bfloat16 Automatic Mixed Precision (AMP)")
        log.info("something else")
    assert caplog.messages == ["something else"]
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_finished_run_resumed_stays_as_it_is(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    before = weights(train(given))
    assert weights(train(replace(given, resume=True))) == before


def test_a_process_is_stopped_by_sigterm_with_143(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from randquant.pretrain import train; from samples import SMALL;"
        "from randquant.settings import PretrainSettings; given = {'steps': 10**6, 'encoder': SMALL, 'log_every': 1};"
        "train(PretrainSettings(data='digits', method='emix', out=Path(sys.argv[1]), **given))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
    )
    lines, patience = tmp_path / "run" / "metrics.jsonl", time.monotonic() + 60
    while not (lines.exists() and lines.read_text().count("\n") > 1) and time.monotonic() < patience:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 143, said
    assert "from where pretrain --resume" in said
    assert "Traceback" not in said
    assert state(Run.open(tmp_path / "run"))["step"] >= 2
    Run.open(tmp_path / "run").encoder()


def test_a_loss_that_is_no_number_stops_with_the_last_good_state(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", learning_rate=1e30)
    with pytest.raises(UserError, match=r"learning_rate: the loss became .* at step [23] with 1e\+30") as caught:
        train(given)
    assert "\n" not in str(caught.value)
    saved = state(Run.open(given.out))
    assert saved["step"] in (1, 2)
    # The state is the one the bad step started from.
    good = train(settings(tmp_path / "good", learning_rate=1e30, steps=saved["step"]))
    assert_equal(saved["encoder"], state(good)["encoder"])


class Rooted(nn.Module):
    """The root of what is 0 for all samples: the features are numbers, their gradient is none."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 8)

    def forward(self, images: Tensor) -> Tensor:
        pixels: Tensor = self.layer(images.flatten(1))
        return pixels + (0 * pixels).abs().sqrt()


def test_a_gradient_that_is_no_number_is_not_blamed_on_loss_and_rate(tmp_path: Path) -> None:
    told = r"^encoder: the norm of the gradient became nan at step 1, before [^\n]* division by 0, [^\n]*$"
    with pytest.raises(UserError, match=told):
        pretrain(DIGITS, encoder=Rooted(), out=tmp_path / "run", steps=3, quiet=True)


def test_an_encoder_that_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    frozen = Rooted().requires_grad_(False)
    with pytest.raises(UserError, match=r"^encoder: none of its parameters requires a gradient"):
        pretrain(DIGITS, encoder=frozen, out=tmp_path / "run", steps=3, quiet=True)
    assert not (tmp_path / "run").exists()
    assert pretrain(DIGITS, encoder=frozen, out=tmp_path / "run", method="none").metrics() == []


def test_the_spread_is_not_that_of_the_first_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "WATCHED", 100)
    samples = DIGITS.held("train")
    (pixels,) = samples.inputs
    alike = pixels[:1] + 1e-4 * pixels[:200]
    ordered = samples._replace(inputs=(torch.cat([alike, pixels[200:]]),))
    run = train(settings(tmp_path / "run", steps=1, watch_every=1), replace(DIGITS, parts={"train": ordered}))
    assert [line["feature_spread"] > 0.01 for line in run.metrics() if "feature_spread" in line] == [True]


def test_the_random_encoder_is_not_trained(tmp_path: Path) -> None:
    run = train(settings(tmp_path / "run", method="none", seed=5))
    assert_equal(dict(run.encoder().state_dict()), dict(make_encoder(DIGITS.spec, SMALL, seed=5).state_dict()))
    assert run.metrics() == []
    assert run.config["settings"]["method"] == "none"


def test_what_a_run_says_of_itself(tmp_path: Path) -> None:
    run = train(settings(tmp_path / "run", steps=7, log_every=3, watch_every=5, seed=2))
    assert run.config["settings"]["seed"] == 2
    assert run.config["settings"]["encoder"]["width"] == 16
    assert PretrainSettings.from_dict(run.config["settings"]) == settings(
        tmp_path / "run", steps=7, log_every=3, watch_every=5, seed=2
    )
    assert Spec.from_dict(run.config["spec"]) == DIGITS.spec
    lines = run.metrics()
    assert [line["step"] for line in lines] == [3, 5, 6, 7, 7]
    assert set(lines[0]) == {
        *("step", "loss", "accuracy", "view_similarity", "gradient_norm"),
        *("learning_rate", "seconds", "samples_per_second"),
    }
    assert set(lines[1]) == {"step", "feature_spread", "effective_rank"}
    assert all(math.isfinite(value) for line in lines for value in line.values())


def test_the_loss_falls_on_the_digits(tmp_path: Path) -> None:
    encoder = replace(SMALL, dropout=0.0)
    lines = train(settings(tmp_path / "run", steps=60, batch=64, learning_rate=5e-3, encoder=encoder)).metrics()
    losses = [line["loss"] for line in lines if "loss" in line]
    assert sum(losses[-5:]) / 5 < losses[0] - 0.5


def test_collapse_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    train(settings(tmp_path / "well", steps=2))
    assert not caplog.records
    monkeypatch.setattr(loop, "watch", lambda *_: {"feature_spread": 0.0, "effective_rank": 1.2})
    train(settings(tmp_path / "run", steps=2))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "step 2: the features have collapsed: all samples look alike to the encoder" in caplog.text
    assert "(feature spread 0, effective rank 1.2, view similarity 0." in caplog.text


def test_progress_is_a_plain_line_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "PLAIN_LINE_EVERY", 0.0)
    train(settings(tmp_path / "loud", steps=3, quiet=False))
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert [line.split("  ")[0] for line in lines] == ["rq: step 1/3", "rq: step 2/3", "rq: step 3/3"]
    assert "loss " in lines[0]
    assert "samples/s" in lines[0]
    assert "s left" in lines[0]
    assert "done in" in lines[2]
    train(settings(tmp_path / "quiet", steps=3))
    assert capsys.readouterr() == ("", "")


def test_progress_is_a_bar_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    train(settings(tmp_path / "run", steps=3, quiet=False))
    said = capsys.readouterr().err
    assert "3/3" in said
    assert "samples/s" in said
    assert "━" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 902}, r"^batch: got 902, must be at most the 901 training samples$"),
        ({"method": "bogus"}, "^method: got 'bogus', must be one of"),
        ({"data": "bogus"}, "^data: 'bogus' is not in the catalogue"),
    ],
)
def test_wrong_settings_are_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = replace(settings(tmp_path / "run"), **changes)
    with pytest.raises(UserError, match=message) as caught:
        train(given)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "least"),
    [("steps", 1), ("batch", 2), ("seed", 0), ("log_every", 1), ("watch_every", 1), ("save_every", 1)],
)
def test_counts_have_a_least_value(name: str, least: int, tmp_path: Path) -> None:
    settings(tmp_path, **{name: least})
    with pytest.raises(UserError, match=f"^{name}: got {least - 1}, must be at least {least}$"):
        settings(tmp_path, **{name: least - 1})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (PretrainSettings, "warmup", 1.0),
        (PretrainSettings, "learning_rate", 0.0),
        (MethodSettings, "bins", 1),
        (MethodSettings, "bins", 100_000_000),
        (MethodSettings, "projection", 0),
        (MethodSettings, "crop_smallest", 0.0),
        (MethodSettings, "crop_smallest", 1.5),
        (MethodSettings, "temperature", 0.0),
        (EncoderSettings, "width", -1),
        (EncoderSettings, "depth", -1),
        (EncoderSettings, "dropout", 1.0),
    ],
)
def test_settings_check_themselves(kind: Any, name: str, value: float, tmp_path: Path) -> None:
    needed = {"data": "digits", "out": tmp_path} if kind is PretrainSettings else {}
    with pytest.raises(UserError, match=f"^{name}: got {value}, must be"):
        kind(**needed, **{name: value})


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^device: got cuda, but torch finds no GPU"):
        train(settings(tmp_path / "run", device="cuda"))


def test_16_bits_are_refused_on_the_cpu(tmp_path: Path) -> None:
    out, told = tmp_path / "run", r"^precision: got 16 on the CPU, must be 32 or bf16 there$"
    with pytest.raises(UserError, match=told):
        train(settings(out, precision="16"))
    supervised = SuperviseSettings(data="digits", out=out, device="cpu", precision="16", encoder=SMALL)
    with pytest.raises(UserError, match=told):
        supervise(supervised)
    with pytest.raises(UserError, match=told):
        finetune(FinetuneSettings(run=out, data="digits", out=out, device="cpu", precision="16"))
    with pytest.raises(UserError, match=told):  # before a cell fails by it
        bench(BenchSettings(out=out, device="cpu", precision="16"))
    with pytest.raises(UserError, match=told):
        choose(ChooseSettings(out=out, device="cpu", precision="16"))
    assert not out.exists()


@pytest.mark.parametrize(
    ("data", "given", "told"),
    [
        (torch.rand(9, 3), {}, "data: got a Tensor, must be a name of the catalogue, a path, or a randquant.data.Data"),
        ("digits", {"monitors": "digits"}, "monitors: got 'digits', must be a list of data sets or their names, such"),
        ("digits", {"monitors": DIGITS}, "monitors: got a Dataset, must be a list of data sets or their names, such"),
        (
            "digits",
            {"encoder": "resnet18"},
            "encoder: got 'resnet18', must be a module of your own, or randquant.settings.Enc",
        ),
        ("digits", {"metod": "rq"}, "metod: got 'rq', but pretrain has no such option; did you mean method?"),
        ("digits", {"zzz": 1}, "zzz: got 1, but pretrain has no such option"),
        ("digits", {"bins": 4}, "bins: got 4, must be inside method_details=MethodSettings(bins=4)"),
        ("digits", {"width": 8}, "width: got 8, must be inside encoder=EncoderSettings(width=8)"),
    ],
)
def test_a_caller_s_mistakes_are_told_in_one_line(data: Any, given: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(told)}[^\\n]*$"):
        pretrain(data, out=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_a_path_may_be_a_path(tmp_path: Path) -> None:
    file = tmp_path / "waves.npy"
    np.save(file, torch.rand(32, 2, 16, generator=torch.Generator().manual_seed(0)).numpy())
    run = pretrain(file, out=tmp_path / "run", steps=1, encoder=SMALL, device="cpu", quiet=True)
    assert run.config["settings"]["data"] == str(file)


def test_what_auto_meant_is_kept_and_compared(tmp_path: Path) -> None:
    there = "cuda" if torch.cuda.is_available() else "cpu"
    given = settings(tmp_path / "run", steps=1, device="auto")
    run = train(given)
    assert run.config["settings"]["device"] == there
    kept = run.config
    train(replace(given, resume=True, device=there))
    kept["settings"]["device"] = "auto"  # as it was written once
    (run.path / "config.json").write_text(json.dumps(kept))
    train(replace(given, resume=True, device=there))
    kept["settings"]["device"] = "cuda" if there == "cpu" else "cpu"
    (run.path / "config.json").write_text(json.dumps(kept))
    with pytest.raises(UserError, match=rf"^device: got {there}, but it was started with "):
        train(replace(given, resume=True))


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = torch.rand(8, 1, 4)
    values[3, 0, 2] = torch.nan
    data = Dataset("mine", Spec((Grid(1, (4,), (2,)),)), {"train": Batch(torch.arange(8), (values,))})
    with pytest.raises(
        UserError, match=r"^data: input 0 holds NaN or infinite values in 1 of 8 samples, first in the one with id 3;"
    ):
        train(settings(tmp_path / "run", batch=4), data)


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    data = Dataset("mine", Spec((Grid(2, (12,), (3,)),)), {"train": Batch(torch.arange(8), (torch.rand(8, 2, 12),))})
    run = train(settings(tmp_path / "run", batch=4, steps=3), data)
    assert run.encoder()((torch.rand(5, 2, 12),)).shape == (5, 16)


def test_a_run_is_continued_only_by_resume_and_only_unchanged(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    with pytest.raises(UserError, match="does not exist"):
        train(replace(given, resume=True))
    train(given)
    with pytest.raises(UserError, match="holds a run already"):
        train(given)
    with pytest.raises(
        UserError,
        match=r"^batch: got 200, but it was started with 300; seed: got 4, but .* with 0; .* resumed unchanged$",
    ):
        train(replace(given, resume=True, batch=200, seed=4))
    with pytest.raises(
        UserError,
        match=rf"^encoder\.depth: got 1, but it was started with 2; {given.out} can only be resumed unchanged$",
    ):
        train(replace(given, resume=True, encoder=replace(SMALL, depth=1)))
    with pytest.raises(UserError, match=r"^method_details\.bins: got 4, but it was started with 8; [^;]*$"):
        train(replace(given, resume=True, method_details=MethodSettings(bins=4)))


def test_mixed_precision_runs(tmp_path: Path) -> None:
    run = train(settings(tmp_path / "run", steps=2, precision="bf16"))
    assert all(math.isfinite(line["loss"]) for line in run.metrics() if "loss" in line)
    assert all(value.dtype == torch.float32 for value in run.encoder().state_dict().values())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{}"),
        ("metrics.jsonl", b"garbage{\n"),
        ("state-000000002.pt", b"garbage"),
    ],
)
def test_a_damaged_run_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    given = settings(tmp_path / "run", steps=2)
    run = train(given)
    (run.path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"^run: .*{name} cannot be read \(.*\)[^\n]*$"):
        train(replace(given, resume=True))


def test_a_run_without_its_metrics_goes_on(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    (train(given).path / "metrics.jsonl").unlink()
    assert state(train(replace(given, resume=True)))["step"] == 2


@pytest.mark.parametrize(
    "wrong", [{"weight_decay": -1.0}, {"learning_rate": math.inf}, {"weight_decay": math.nan}, {"learning_rate": 0.0}]
)
def test_settings_that_cannot_train(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(wrong))}: got"):
        settings(tmp_path / "run", **wrong)


class Wave(nn.Module):
    """A user's own encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2, 6, 3)
        self.norm = nn.BatchNorm1d(6)

    def forward(self, waves: Tensor) -> Tensor:
        features: Tensor = self.norm(self.convolution(waves)).relu().mean(dim=2)
        return features


def waves(count: int = 24) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(count, 2, 12, generator=generator)
    return Dataset("waves", Spec((Grid(2, (12,), (3,)),)), {"train": Batch(torch.arange(count), (values,))})


@pytest.mark.parametrize("method", ["rq", "crop+rq+byol"])
def test_an_encoder_of_ones_own(method: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Wave()
    before = module.convolution.weight.detach().clone()
    options: dict[str, Any] = {"method": method, "steps": 6, "batch": 8, "quiet": True, "device": "cpu"}
    run = pretrain(waves(), encoder=module, out=tmp_path / "run", **options)
    assert not torch.equal(module.convolution.weight, before)
    torch.manual_seed(0)
    same = pretrain(waves(), encoder=Wave(), out=tmp_path / "same", **options)
    assert weights(run) == weights(same)
    found = run.encoder(Wave())
    inputs = waves().held("train").inputs
    with torch.no_grad():
        assert torch.equal(found(inputs), module.eval()(*inputs))


def test_an_encoder_that_gives_no_features(tmp_path: Path) -> None:
    for module, told in (
        (nn.Conv1d(2, 6, 3), r"gave \(2, 6, 10\), must give a tensor"),
        (nn.Linear(7, 3), "failed on"),
    ):
        with pytest.raises(UserError, match=f"^encoder: .* {told}") as caught:
            pretrain(waves(), encoder=module, out=tmp_path / "run", batch=8, quiet=True)
        assert "\n" not in str(caught.value)


def test_accumulated_batches_are_one_step(tmp_path: Path) -> None:
    """ShED's loss is a mean over samples, so 2 batches of 4 are one of 8, whatever order they come in."""
    options: dict[str, Any] = {"method": "shed", "steps": 1, "quiet": True, "device": "cpu", "optimizer": "sgd"}
    options |= {"warmup": 0.0, "encoder": replace(SMALL, dropout=0.0), "learning_rate": 1.0}
    whole = pretrain(waves(8), out=tmp_path / "whole", batch=8, **options)
    parts = pretrain(waves(8), out=tmp_path / "parts", batch=4, accumulate=2, **options)
    for one, other in zip(whole.encoder().parameters(), parts.encoder().parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    losses = [[line["loss"] for line in run.metrics() if "loss" in line] for run in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_clipping_bounds_a_step(tmp_path: Path) -> None:
    options: dict[str, Any] = {"steps": 1, "batch": 8, "quiet": True, "device": "cpu", "optimizer": "sgd"}
    options |= {"warmup": 0.0, "weight_decay": 0.0, "learning_rate": 1.0, "encoder": SMALL}
    untouched = pretrain(waves(), method="none", out=tmp_path / "before", **options).encoder()
    clipped = pretrain(waves(), method="rq", out=tmp_path / "clipped", clip=1e-3, **options).encoder()
    moved = sum(
        (one - other).square().sum().item()
        for one, other in zip(untouched.parameters(), clipped.parameters(), strict=True)
    )
    assert 0 < math.sqrt(moved) <= 1.001e-3


@pytest.mark.parametrize("gaps", [False, True])
def test_a_channel_that_says_nothing(gaps: bool, tmp_path: Path) -> None:
    data = waves()
    data.held("train").inputs[0][:, 1] = 3.5
    if gaps:
        data = replace(data, spec=Spec((replace(data.spec.inputs[0], gaps=True),)))
        data.held("train").inputs[0][0, :2] = math.nan
    with pytest.raises(UserError, match=r"^data: input 0 has the same value in all samples in its channel 1; it says"):
        pretrain(data, out=tmp_path / "run", batch=8)


def test_labelled_sets_are_tried_on_the_way(tmp_path: Path) -> None:
    run = train(settings(tmp_path / "run", steps=4, watch_every=2, monitors=("digits",)))
    tried = [line for line in run.metrics() if "monitor" in line]
    assert [(line["step"], line["monitor"]) for line in tried] == [(2, "digits"), (4, "digits")]
    assert all(0 < line["knn_accuracy"] <= 1 and 0 < line["linear_accuracy"] <= 1 for line in tried)
    with pytest.raises(UserError, match="label"):
        train(settings(tmp_path / "other"), monitors=[waves()])
    assert not (tmp_path / "other").exists()
    both = pretrain(
        DIGITS, monitors=["digits", replace(DIGITS, name="again")], out=tmp_path / "both", steps=1, quiet=True
    )
    assert [line["monitor"] for line in both.metrics() if "monitor" in line] == ["again", "digits"]


def test_samples_from_files_train_the_same_encoder(tmp_path: Path) -> None:
    held = train(settings(tmp_path / "held"), DIGITS)
    stored = train(settings(tmp_path / "stored", workers=0), stored_digits(tmp_path))
    assert weights(held) == weights(stored)


@pytest.mark.soak
@pytest.mark.filterwarnings("default")  # torch's compiler looks at the .grad of inner tensors
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with g++, which is not here")
def test_compiled_blocks_train_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled-code"))  # nothing of an earlier run's
    plain = train(settings(tmp_path / "plain", steps=2, encoder=replace(SMALL, dropout=0.0)))
    compiled = train(settings(tmp_path / "compiled", steps=2, encoder=replace(SMALL, dropout=0.0), compile=True))
    for one, other in zip(plain.encoder().parameters(), compiled.encoder().parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


class Overflowing(torch.nn.Module):
    """Batch norm behind a value that overflows from some forward pass on."""

    def __init__(self, passes: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.BatchNorm1d(8))
        self.left = passes

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        return self.layers(pixels if self.left >= 0 else pixels / 0)


def test_a_bad_batch_that_batch_norm_has_seen_spoils_no_state(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=20, save_every=2)
    with pytest.raises(UserError, match="the last sound state is saved in"):
        train(given, DIGITS, Overflowing(passes=9))
    saved = state(Run.open(given.out))
    assert saved["step"] in (2, 4)  # two passes a step, and those that look at the module first
    assert all(bool(one.isfinite().all()) for one in saved["encoder"].values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("optimizer", "adam"), ("schedule", "linear"), ("decay", "none"), ("precision", "64"), ("monitors", "digits")],
)
def test_a_word_that_a_setting_does_not_know_is_refused_from_python_too(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"^{name}: got '{value}', must be"):
        settings(tmp_path / "run", **{name: value})
    with pytest.raises(UserError, match=r"^at: got 'inputs', must be one of: input, embeddings, both"):
        MethodSettings(at="inputs")  # type: ignore[arg-type]


def test_a_call_keeps_the_benchmarks_errors_as_the_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[PretrainSettings] = []
    monkeypatch.setattr(loop, "train", lambda settings, *_, **__: asked.append(settings))
    for faithful in (False, True):
        pretrain("digits", out="x", method="emix", protocol="dabs", dabs_faithful=faithful)
    assert [one.method_details.mixture_weights for one in asked] == ["sample", "batch"]
