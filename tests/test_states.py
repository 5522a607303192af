"""states: whole or not there, the newest few kept, a damaged one passed over aloud, another version's refused."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from randquant import __version__
from randquant.errors import UserError
from randquant.run import Run, states

CONFIG: dict[str, Any] = {"settings": {}, "spec": {}}


def run_with(tmp_path: Path, *steps: int, keep: int = 2) -> Run:
    """A run with a state at each of some steps; its one part holds the step's number."""
    run = Run.create(tmp_path / "run", CONFIG)
    for step in steps:
        run.save_state({"step": step, "part": part(step).state_dict()}, step, keep=keep)
    return run


def part(value: float) -> nn.Linear:
    layer = nn.Linear(1, 1)
    for one in layer.parameters():
        nn.init.constant_(one, value)
    return layer


def restored(run: Run) -> tuple[int, float]:
    layer = part(-1)
    (step,) = run.restore({"part": layer}, ("step",))
    return step, layer.weight.item()


def files(run: Run) -> list[str]:
    return sorted(path.name for path in run.path.glob("state*"))


def test_the_newest_few_are_kept(tmp_path: Path) -> None:
    run = run_with(tmp_path, 5, 10, 15, 20, keep=3)
    assert files(run) == [f"state-{step:09}.pt" for step in (10, 15, 20)]
    assert restored(run) == (20, 20.0)
    run.save_state({"step": 12, "part": part(12).state_dict()}, 12, keep=3)  # it went on from 10
    assert files(run) == ["state-000000010.pt", "state-000000012.pt"]


@pytest.mark.parametrize("damage", ["half", "nothing", "garbage", "a byte", "no parts"])
def test_a_damaged_state_is_passed_over_aloud(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = run_with(tmp_path, 5, 10)
    newest = run.path / "state-000000010.pt"
    whole = newest.read_bytes()
    middle = len(whole) // 2
    spoilt = {
        "half": whole[:middle],
        "nothing": b"",
        "garbage": b"not ours",
        "a byte": whole.replace(part(10).weight.detach().numpy().tobytes(), b"\0\0\0\1"),
    }
    if damage == "no parts":
        torch.save({"format": states.FORMAT, "version": __version__, "state": {"step": 10}}, newest)
    else:
        assert spoilt[damage] != whole
        newest.write_bytes(spoilt[damage])
    assert restored(run) == (5, 5.0)
    (said,) = caplog.messages
    assert said.startswith("state-000000010.pt cannot be read (")
    assert said.endswith("so the training goes back to state-000000005.pt")


class Wide(nn.Module):
    """Another module than `part`."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(*shape))
        self.bias = nn.Parameter(torch.zeros(1))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Wide(1, 2), r"it has weight of shape \(1, 1\), the module weight of shape \(1, 2\)"),
        (nn.Sequential(part(0)), r"it has weight of shape \(1, 1\), the module no weight"),
        (nn.Linear(1, 1, bias=False), r"it has bias of shape \(1,\), the module no bias"),
    ],
)
def test_a_state_of_another_module_is_not_taken_for_a_damaged_one(
    other: nn.Module, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_with(tmp_path, 5, 10)
    with pytest.raises(
        UserError, match=rf"^run: .*state-000000010\.pt does not fit the part: {told}; go on with[^\n]*$"
    ):
        run.restore({"part": other}, ("step",))
    assert not caplog.messages


def test_a_state_of_another_optimizer_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CONFIG)
    run.save_state({"optimizer": torch.optim.SGD(part(1).parameters(), momentum=0.9).state_dict()}, 1)
    with pytest.raises(UserError, match=r"^run: .* does not fit the optimizer: loaded state dict [^\n]*$"):
        run.restore({"optimizer": torch.optim.SGD([part(1).weight], momentum=0.9)}, ())


def test_no_state_that_can_be_read(tmp_path: Path) -> None:
    run = run_with(tmp_path, 5)
    (run.path / "state-000000005.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"^run: .*state-000000005\.pt cannot be read .* no older state[^\n]*$"):
        restored(run)


@pytest.mark.parametrize("change", [{"format": 99}, {"version": "99.1.0"}])
def test_another_version_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    run = run_with(tmp_path, 5, 10)
    newest = run.path / "state-000000010.pt"
    torch.save({**torch.load(newest, weights_only=True), **change}, newest)
    with pytest.raises(UserError, match=rf"^run: .*this is .*{__version__}; continue it with that version"):
        restored(run)


def test_code_in_a_state_is_refused(tmp_path: Path) -> None:
    run = run_with(tmp_path, 5)
    torch.save({"format": states.FORMAT, "version": __version__, "state": Path("x")}, run.path / "state-000000005.pt")
    with pytest.raises(UserError, match="cannot be read"):
        restored(run)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk's: the same refusal in the middle of a write."""
    run = run_with(tmp_path, 5)
    before = files(run)
    code = (
        "import sys, torch; from randquant.run import Run; from randquant.errors import UserError\n"
        "try: Run.open(sys.argv[1]).save_state({'step': 10, 'part': torch.zeros(10**6)}, 10)\n"
        "except UserError as error: print(error)"
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))

    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(run.path)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limited,
    )
    assert done.stdout.startswith("out: "), done.stderr
    assert "cannot be written" in done.stdout
    assert done.stdout.count("\n") == 1
    assert files(run) == before
    assert restored(run) == (5, 5.0)


def test_what_a_killed_process_left_half_written_does_no_harm(tmp_path: Path) -> None:
    run = run_with(tmp_path, 5)
    for step in (7, 10):
        (run.path / f"state-{step:09}.pt.part").write_bytes(b"half" * 10**5)  # longer than what will be written
    assert restored(run) == (5, 5.0)
    run.save_state({"step": 10, "part": part(10).state_dict()}, 10)
    assert files(run) == ["state-000000005.pt", "state-000000010.pt"]
    assert restored(run) == (10, 10.0)


@pytest.mark.parametrize("way", ["gone", "a file"])
def test_a_folder_that_is_no_folder_any_more(way: str, tmp_path: Path) -> None:
    """Permission bits do not bind root, so that the folder is taken away; it comes back as a disk does."""
    run = run_with(tmp_path, 5)
    away = run.path.rename(tmp_path / "away")
    if way == "a file":
        run.path.touch()
    with pytest.raises(UserError, match=rf"^out: {run.path} cannot be written \([^\n]*; name another folder$"):
        run.save_state({"step": 10, "part": part(10).state_dict()}, 10)
    run.path.unlink(missing_ok=True)
    away.rename(run.path)
    assert files(run) == ["state-000000005.pt"]
    assert restored(run) == (5, 5.0)


def test_a_disk_that_became_read_only(tmp_path: Path) -> None:
    """The folder is mounted on itself, for reading only, in a process that has its own list of mounts."""
    mounted = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']
    run = run_with(tmp_path, 5)
    if subprocess.run([*mounted, run.path, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    code = (
        "import sys, torch; from randquant.run import Run; from randquant.errors import UserError\n"
        "try: Run.open(sys.argv[1]).save_state({'step': 10, 'part': torch.zeros(9)}, 10)\n"
        "except UserError as error: print(error)"
    )
    words = [*mounted, run.path, sys.executable, "-B", "-c", code, run.path]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"out: {run.path} cannot be written (Read-only file system); name another folder"), (
        done.stderr
    )
    assert done.stdout.count("\n") == 1
    assert files(run) == ["state-000000005.pt"]
    assert restored(run) == (5, 5.0)


def test_a_state_is_on_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_with(tmp_path, 5)
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(number: int) -> None:
        done.append("fsync")
        fsync(number)

    def noted_replace(path: Path, target: Path) -> Path:
        done.append(f"{path.name} -> {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    run.save_state({"step": 10, "part": part(10).state_dict()}, 10)
    assert done[:2] == ["fsync", "state-000000010.pt.part -> state-000000010.pt"]
