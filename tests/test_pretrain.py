"""pretrain: the loop is plain arithmetic, repeatable to the bit, stoppable and resumable, and refuses in one line."""

from __future__ import annotations

import logging
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from randquant.data import Batch, Dataset, open_data
from randquant.encoder import make_encoder
from randquant.errors import UserError
from randquant.methods import make_method
from randquant.pretrain import display, loop, pretrain
from randquant.pretrain.loop import rate_factor
from randquant.pretrain.watch import has_collapsed, watch
from randquant.quantize.draw import Draws
from randquant.run import Run
from randquant.settings import EncoderSettings, MethodSettings, PretrainSettings
from randquant.spec import Grid, Spec
from samples import SMALL

DIGITS = open_data("digits")


def settings(out: Path, **changes: Any) -> PretrainSettings:
    """A training of seconds: 3 batches an epoch, so 8 steps end in the middle of the third."""
    plain: dict[str, Any] = {"steps": 8, "batch": 300, "encoder": SMALL, "schedule": "constant", "warmup": 0.0}
    return PretrainSettings(
        data="digits", out=out, **{**plain, "log_every": 1, "quiet": True, "device": "cpu", **changes}
    )


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
    run = pretrain(given)
    samples = DIGITS.parts["train"]
    encoder = make_encoder(DIGITS.spec, given.encoder, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(loop._seed(0, "method"))
        method = make_method("rq", DIGITS.spec, 16, given.method_details)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *method.parameters()], lr=3e-3, weight_decay=0.1)
    losses = []
    for step in range(8):
        order = Draws(0, step // 3, samples.ids).permutation("order")
        rows = order[step % 3 * 300 : (step % 3 + 1) * 300]
        batch = Batch(samples.ids[rows], (samples.inputs[0][rows],))
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
    one = pretrain(settings(tmp_path / "one", method=method, steps=4))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    two = pretrain(settings(tmp_path / "two", method=method, steps=4))
    other = pretrain(settings(tmp_path / "other", method=method, steps=4, seed=1))
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
    whole = pretrain(settings(tmp_path / "whole", method=method, schedule="cosine", warmup=0.4))
    given = settings(tmp_path / "parts", method=method, schedule="cosine", warmup=0.4)
    show = display.Display.show

    def stopping(shown: display.Display, done: int, loss: float) -> None:
        show(shown, done, loss)
        if done == 5:
            signal.raise_signal(number)

    monkeypatch.setattr(display.Display, "show", stopping)
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        pretrain(given)
    assert caught.value.code == code
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    monkeypatch.undo()
    assert Run.open(given.out).state()["step"] == 5
    assert weights(Run.open(given.out)) != weights(whole)
    resumed = pretrain(replace(given, resume=True))
    assert weights(resumed) == weights(whole)
    states = [{k: v for k, v in run.state().items() if k != "seconds"} for run in (resumed, whole)]
    assert_equal(*states)
    assert [line["step"] for line in resumed.metrics()] == [1, 2, 3, 4, 5, 6, 7, 8, 8]
    assert resumed.metrics()[-2]["seconds"] > resumed.metrics()[4]["seconds"]


def test_a_finished_run_resumed_stays_as_it_is(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    before = weights(pretrain(given))
    assert weights(pretrain(replace(given, resume=True))) == before


def test_a_process_is_stopped_by_sigterm_with_143(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from randquant.pretrain import pretrain;"
        "from randquant.settings import PretrainSettings;"
        "pretrain(PretrainSettings(data='digits', method='emix', out=Path(sys.argv[1]), steps=10**6, log_every=1))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stderr=subprocess.PIPE, text=True)
    lines, patience = tmp_path / "run" / "metrics.jsonl", time.monotonic() + 60
    while not (lines.exists() and lines.read_text().count("\n") > 1) and time.monotonic() < patience:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 143, said
    assert "from where pretrain --resume" in said
    assert "Traceback" not in said
    assert Run.open(tmp_path / "run").state()["step"] >= 2
    Run.open(tmp_path / "run").encoder()


def test_a_loss_that_is_no_number_stops_with_the_last_good_state(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", learning_rate=1e30)
    with pytest.raises(UserError, match=r"learning_rate: the loss became .* at step [23] with 1e\+30") as caught:
        pretrain(given)
    assert "\n" not in str(caught.value)
    state = Run.open(given.out).state()
    assert state["step"] in (1, 2)
    # The state is the one the bad step started from.
    good = pretrain(settings(tmp_path / "good", learning_rate=1e30, steps=state["step"]))
    assert_equal(state["encoder"], good.state()["encoder"])


def test_the_random_encoder_is_not_trained(tmp_path: Path) -> None:
    run = pretrain(settings(tmp_path / "run", method="none", seed=5))
    assert_equal(dict(run.encoder().state_dict()), dict(make_encoder(DIGITS.spec, SMALL, seed=5).state_dict()))
    assert run.metrics() == []
    assert run.config["settings"]["method"] == "none"


def test_what_a_run_says_of_itself(tmp_path: Path) -> None:
    run = pretrain(settings(tmp_path / "run", steps=7, log_every=3, watch_every=5, seed=2))
    assert run.config["settings"]["seed"] == 2
    assert run.config["settings"]["encoder"]["width"] == 16
    assert PretrainSettings.from_dict(run.config["settings"]) == settings(
        tmp_path / "run", steps=7, log_every=3, watch_every=5, seed=2
    )
    assert Spec.from_dict(run.config["spec"]) == DIGITS.spec
    lines = run.metrics()
    assert [line["step"] for line in lines] == [3, 5, 6, 7, 7]
    assert set(lines[0]) == {
        *("step", "loss", "accuracy", "gradient_norm"),
        *("learning_rate", "seconds", "samples_per_second"),
    }
    assert set(lines[1]) == {"step", "feature_spread", "effective_rank"}
    assert all(math.isfinite(value) for line in lines for value in line.values())


def test_the_loss_falls_on_the_digits(tmp_path: Path) -> None:
    encoder = replace(SMALL, dropout=0.0)
    lines = pretrain(settings(tmp_path / "run", steps=60, batch=64, learning_rate=5e-3, encoder=encoder)).metrics()
    losses = [line["loss"] for line in lines if "loss" in line]
    assert sum(losses[-5:]) / 5 < losses[0] - 0.5


def test_schedules() -> None:
    constant = settings(Path("x"), steps=10, schedule="constant", warmup=0.2)
    assert [rate_factor(constant, step) for step in range(4)] == [0.5, 1, 1, 1]
    cosine = replace(constant, schedule="cosine")
    factors = [rate_factor(cosine, step) for step in range(10)]
    assert factors[:3] == [0.5, 1, 1]
    assert factors[6] == pytest.approx(0.5)
    assert factors[2:] == sorted(factors[2:], reverse=True)
    assert 0 < factors[9] < 0.05
    assert [rate_factor(replace(constant, warmup=0.0), step) for step in range(2)] == [1, 1]


class Given(nn.Module):
    """An encoder whose features are its inputs."""

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        return inputs[0]


def test_watching_features() -> None:
    corners = torch.eye(8).repeat(2, 1)
    features = torch.cat([corners, -corners])
    seen = watch(Given(), Batch(torch.arange(32), (features,)))
    assert seen["feature_spread"] == pytest.approx(1)
    assert seen["effective_rank"] == pytest.approx(8)
    line = torch.linspace(-1, 1, 16)[:, None] * torch.tensor([[1.0, 2.0, 3.0]])
    assert watch(Given(), Batch(torch.arange(16), (line,)))["effective_rank"] == pytest.approx(1)
    point = watch(Given(), Batch(torch.arange(16), (torch.ones(16, 4),)))
    assert point["feature_spread"] == pytest.approx(0, abs=1e-6)
    assert has_collapsed(point)
    assert has_collapsed({"feature_spread": 0.5, "effective_rank": 1.2})
    assert not has_collapsed(seen)
    module = Given().train()
    watch(module, Batch(torch.arange(16), (line,)))
    assert module.training


def test_collapse_is_said_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pretrain(settings(tmp_path / "well", steps=2))
    assert not caplog.records
    monkeypatch.setattr(loop, "watch", lambda *_: {"feature_spread": 0.0, "effective_rank": 1.2})
    pretrain(settings(tmp_path / "run", steps=2))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "step 2: the features have collapsed (feature spread 0, effective rank 1.2)" in caplog.text


def test_progress_is_a_plain_line_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "PLAIN_LINE_EVERY", 0.0)
    pretrain(settings(tmp_path / "loud", steps=3, quiet=False))
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert [line.split("  ")[0] for line in lines] == ["rq: step 1/3", "rq: step 2/3", "rq: step 3/3"]
    assert "loss " in lines[0]
    assert "samples/s" in lines[0]
    assert "s left" in lines[0]
    assert "done in" in lines[2]
    pretrain(settings(tmp_path / "quiet", steps=3))
    assert capsys.readouterr() == ("", "")


def test_progress_is_a_bar_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    pretrain(settings(tmp_path / "run", steps=3, quiet=False))
    said = capsys.readouterr().err
    assert "3/3" in said
    assert "samples/s" in said
    assert "━" in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 902}, r"^batch: got 902, must be at most the 901 training samples$"),
        ({"method": "bogus"}, "^method: got 'bogus', must be one of"),
        ({"data": "bogus"}, "^data: got 'bogus', must be one of"),
    ],
)
def test_wrong_settings_are_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = replace(settings(tmp_path / "run"), **changes)
    with pytest.raises(UserError, match=message) as caught:
        pretrain(given)
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
        (MethodSettings, "bins", 0),
        (MethodSettings, "projection", 0),
        (MethodSettings, "crop_smallest", 0.0),
        (MethodSettings, "crop_smallest", 1.5),
        (MethodSettings, "temperature", 0.0),
        (EncoderSettings, "width", 0),
        (EncoderSettings, "depth", 0),
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
        pretrain(settings(tmp_path / "run", device="cuda"))


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    values = torch.rand(8, 1, 4)
    values[3, 0, 2] = torch.nan
    data = Dataset("mine", Spec((Grid(1, (4,), (2,)),)), {"train": Batch(torch.arange(8), (values,))})
    with pytest.raises(UserError, match=r"^data: input 0 holds NaN"):
        pretrain(settings(tmp_path / "run", batch=4), data)


def test_a_data_set_of_ones_own(tmp_path: Path) -> None:
    data = Dataset("mine", Spec((Grid(2, (12,), (3,)),)), {"train": Batch(torch.arange(8), (torch.rand(8, 2, 12),))})
    run = pretrain(settings(tmp_path / "run", batch=4, steps=3), data)
    assert run.encoder()((torch.rand(5, 2, 12),)).shape == (5, 16)


def test_a_run_is_continued_only_by_resume_and_only_unchanged(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    with pytest.raises(UserError, match="does not exist"):
        pretrain(replace(given, resume=True))
    pretrain(given)
    with pytest.raises(UserError, match="holds a run already"):
        pretrain(given)
    with pytest.raises(UserError, match=r"^batch: got 200, but .* was started with 300; use that$"):
        pretrain(replace(given, resume=True, batch=200))
    with pytest.raises(UserError, match=r"^encoder: got"):
        pretrain(replace(given, resume=True, encoder=replace(SMALL, depth=1)))
    with pytest.raises(UserError, match=r"^method_details: got"):
        pretrain(replace(given, resume=True, method_details=MethodSettings(bins=4)))


def test_mixed_precision_runs(tmp_path: Path) -> None:
    run = pretrain(settings(tmp_path / "run", steps=2, precision="bf16"))
    assert all(math.isfinite(line["loss"]) for line in run.metrics() if "loss" in line)
    assert all(value.dtype == torch.float32 for value in run.encoder().state_dict().values())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b"{}"),
        ("metrics.jsonl", b"garbage{\n"),
        ("state.pt", {"step": 1}),
        ("state.pt", {"step": 1, "seconds": 0.0, "window": [], "encoder": {}, "method": {}, "optimizer": {}}),
    ],
)
def test_a_damaged_run_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes | dict[str, object]) -> None:
    given = settings(tmp_path / "run", steps=2)
    run = pretrain(given)
    if isinstance(content, bytes):
        (run.path / name).write_bytes(content)
    else:
        torch.save(content, run.path / name)
    with pytest.raises(UserError, match=rf"^run: .*{name} cannot be read \(.*\); it is damaged or not ours$"):
        pretrain(replace(given, resume=True))


def test_a_run_without_its_metrics_goes_on(tmp_path: Path) -> None:
    given = settings(tmp_path / "run", steps=2)
    (pretrain(given).path / "metrics.jsonl").unlink()
    assert pretrain(replace(given, resume=True)).state()["step"] == 2


@pytest.mark.parametrize(
    "wrong", [{"weight_decay": -1.0}, {"learning_rate": math.inf}, {"weight_decay": math.nan}, {"learning_rate": 0.0}]
)
def test_settings_that_cannot_train(tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(wrong))}: got"):
        settings(tmp_path / "run", **wrong)
