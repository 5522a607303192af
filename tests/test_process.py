"""process: freed memory stays with a training that the command line starts, and with nobody else."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from randquant import cli, process

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library than glibc allocates here"
)

# Page faults of 30 times 64 MB, each freed before the next.
_FAULTS = """
import resource, sys
import torch
if sys.argv[1:] == ["keep"]:
    from randquant import process
    assert process.keep_memory()
else:
    import randquant.pretrain
torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(30):
    torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words: str, **variables: str) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", _FAULTS, *words]
    done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=True)
    return int(done.stdout)


@needs_glibc
def test_freed_memory_is_used_again_once_it_is_asked_for_and_not_by_an_import() -> None:
    assert faults("keep") < faults() / 4


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "LD_PRELOAD", "GLIBC_TUNABLES"])
def test_what_the_user_tuned_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert not process.keep_memory()


@pytest.mark.parametrize(("words", "kept"), [(["pretrain", "digits", "--out", "x"], 1), (["--version"], 0)])
def test_the_command_line_asks_for_it_before_a_training(
    words: list[str], kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "keep_memory", lambda: asked.append(True))
    monkeypatch.setattr("randquant.pretrain.train", lambda settings: settings)
    assert cli.main(words) == 0
    assert len(asked) == kept
