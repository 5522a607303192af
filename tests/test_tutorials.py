"""The tutorials, at small size: their Python makes the files, their commands run on them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from randquant.data.catalogue import DATASETS
from randquant.data.root import data_root
from randquant.data.state import is_there

PAGES = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.md"))
SMALL = {"pretrain": ["--steps", "3"], "probe": ["--draws", "1"], "embed": []}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_ones_that_exist(page: Path) -> None:
    assert len(blocks(page, "python")) == 1
    commands = [shlex.split(line) for block in blocks(page, "console") for line in block.splitlines()]
    assert {words[1] for words in commands} >= set(SMALL)
    assert {words[0] for words in commands} == {"randquant"}


@pytest.mark.soak
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path) -> None:
    (code,) = blocks(page, "python")
    for name in re.findall(r'open_data\("(\w+)"\)', code):
        if not is_there(DATASETS[name], data_root()):
            pytest.skip(f"randquant data get {name} brings what this page needs")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    for line in "".join(blocks(page, "console")).splitlines():
        _, command, *words = shlex.split(line)
        if command == "data":
            continue
        typed = [sys.executable, "-m", "randquant", command, *words, *SMALL[command]]
        done = subprocess.run(typed, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
