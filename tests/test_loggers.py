"""loggers: the same numbers under the same steps, in the run directory, closed at the end, whichever it is."""

from __future__ import annotations

import struct
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning_fabric.loggers.logger import Logger

from randquant.errors import UserError
from randquant.pretrain import loggers
from randquant.pretrain.loggers import Loggers, open_loggers
from randquant.run import Run
from randquant.settings import PretrainSettings

LINES: list[dict[str, Any]] = [
    {"step": 3, "loss": 1.5, "method": "rq", "done": True, "samples": 4},
    {"step": 3, "monitor": "digits", "knn_accuracy": 0.25},
    {"step": 4, "loss": 1.25},
]


def started(folder: Path, *names: str) -> tuple[PretrainSettings, Run]:
    settings = PretrainSettings(data="digits", out=folder / "run", logger=names, quiet=True)  # type: ignore[arg-type]
    return settings, Run.create(folder / "run", {"settings": settings.to_dict()})


def events(run: Run) -> Any:
    """What TensorBoard reads from a run directory."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run.path / "tensorboard"))
    found.Reload()
    return found


def test_tensorboard_holds_the_numbers_under_their_steps(tmp_path: Path) -> None:
    settings, run = started(tmp_path, "tensorboard")
    threads = set(threading.enumerate())
    with open_loggers(settings, run) as opened:
        for line in LINES:
            opened.log(line)
    assert set(threading.enumerate()) == threads
    found = events(run)
    scalars = {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}
    assert scalars == {"loss": [(3, 1.5), (4, 1.25)], "samples": [(3, 4.0)], "digits/knn_accuracy": [(3, 0.25)]}
    (told,) = found.Tensors("settings/text_summary")
    assert b'"method": "rq"' in told.tensor_proto.string_val[0]


def test_tensorboard_forgets_what_a_resumed_run_logs_again(tmp_path: Path) -> None:
    settings, run = started(tmp_path, "tensorboard")
    for first, value in ((1, 1.0), (3, 2.0)):  # killed after step 4; its last state is of step 2
        run.rewind(first - 1)
        with open_loggers(settings, run) as opened:
            for step in range(first, 5):
                run.log({"step": step})
                opened.log({"step": step, "loss": value})
    assert [(one.step, one.value) for one in events(run).Scalars("loss")] == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_wandb_holds_the_numbers_under_their_steps_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back from the file that `wandb sync` would send; the server it names does not exist."""
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    for place in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{place}_DIR", str(tmp_path / place))
    settings, run = started(tmp_path, "wandb")
    threads = set(threading.enumerate())
    with open_loggers(settings, run) as opened:
        for line in LINES:
            opened.log(line)
    assert set(threading.enumerate()) == threads
    (file,) = (run.path / "wandb").glob("offline-run-*/run-*.wandb")
    content, place, records = file.read_bytes(), 7, []
    while place < len(content):
        _, length, whole = struct.unpack("<IHB", content[place : place + 7])
        assert whole == 1
        records.append(Record.FromString(content[place + 7 : place + 7 + length]))
        place += 7 + length
    steps = {}
    for record in records:
        if record.HasField("history"):
            numbers = {"/".join(one.nested_key) or one.key: float(one.value_json) for one in record.history.item}
            steps[record.history.step.num] = {name: value for name, value in numbers.items() if name[0] != "_"}
    assert steps == {3: {"loss": 1.5, "samples": 4, "digits/knn_accuracy": 0.25}, 4: {"loss": 1.25}}
    (begun,) = (record.run for record in records if record.HasField("run"))
    assert (begun.project, begun.display_name) == ("randquant", "run")
    assert {"method": '"rq"', "seed": "0"}.items() <= {
        one.key: one.value_json for record in records for one in [*record.run.config.update, *record.config.update]
    }.items()
    (ended,) = (record.exit for record in records if record.HasField("exit"))
    assert ended.exit_code == 0


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_logger_that_is_not_installed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with (
        pytest.raises(UserError, match=rf"^logger: {name} is not installed; pip install 'randquant\[tracking\]'$"),
        open_loggers(*started(tmp_path, name)),
    ):
        pass


def test_a_wandb_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise RuntimeError("No API key.\nLog in.")

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(Error=RuntimeError, Settings=dict, init=refuse))
    told = r"^logger: wandb cannot start \(No API key\. Log in\.\); log in, or set WANDB_MODE=offline$"
    with pytest.raises(UserError, match=told), open_loggers(*started(tmp_path, "wandb")):
        pass


class Kept(Logger):
    """A logger that notes what it is told, and fails as it is told to."""

    name, version = "kept", None

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure, self.ended = failure, ""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if self.failure:
            raise self.failure from OSError(28, "No space left on device")

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        pass

    def finalize(self, status: str) -> None:
        self.ended = status


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, SystemExit])
def test_every_logger_is_closed(
    error: type[BaseException] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Kept(), Kept()
    made = iter(opened)
    monkeypatch.setattr(loggers, "_OPENERS", dict.fromkeys(("tensorboard", "wandb"), lambda *_: next(made)))
    try:
        with open_loggers(*started(tmp_path, "tensorboard", "wandb")):
            if error:
                raise error
    except (KeyboardInterrupt, SystemExit):
        assert error
    assert [one.ended for one in opened] == 2 * ["failed" if error else "success"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), ValueError("you tried to log 1.0")])
def test_a_full_disk_is_one_line(failure: Exception) -> None:
    with pytest.raises(UserError, match=r"^logger: kept cannot write \(No space left on device\); make room for it$"):
        Loggers([Kept(failure)]).log({"step": 1, "loss": 1.0})
