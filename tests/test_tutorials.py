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

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
README = TUTORIALS / "README.md"
PAGES = sorted(set(TUTORIALS.glob("*.md")) - {README})
SMALL = {
    "doctor": [], "preview": [], "pretrain": ["--steps", "3"], "probe": ["--draws", "1"], "view": [],
    "finetune": ["--steps", "1", "--draws", "1"], "embed": [],
}  # fmt: skip
FEWER = {  # of all samples a probe or a decoder would take minutes
    "fashion": (
        (".reshape(-1, 28, 28)", ".reshape(-1, 28, 28)[:600]"),
        ("np.uint8, offset=8)", "np.uint8, offset=8)[:600]"),
    ),
    "speech": (('sorted(stamps.rglob("*.txt"))', 'sorted(stamps.rglob("*.txt"))[:60]'),),
    "text": (("for line in lines:", "for line in lines[:900]:"),),
}
EVERYWHERE = {"pretrain", "probe", "embed"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_ones_that_exist(page: Path) -> None:
    assert len(blocks(page, "python")) == 1
    commands = [shlex.split(line) for block in blocks(page, "console") for line in block.splitlines()]
    assert EVERYWHERE <= {words[1] for words in commands} <= {*SMALL, "data"}
    assert {words[0] for words in commands} == {"randquant"}


def test_the_list_has_every_page_once() -> None:
    listed = re.findall(r"\]\((\w+\.md)\)", README.read_text(encoding="utf-8"))
    assert sorted(listed) == [page.name for page in PAGES]


@pytest.mark.soak
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs(page: Path, tmp_path: Path) -> None:
    (code,) = blocks(page, "python")
    for name in re.findall(r'(?:open_data\("|"mini/)(\w+)', code):
        if not is_there(DATASETS[name], data_root()):
            pytest.skip(f"randquant data get {name} brings what this page needs")
    for all_of_them, some in FEWER.get(page.stem, ()):
        assert code.count(all_of_them) == 1
        code = code.replace(all_of_them, some)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    for line in "".join(blocks(page, "console")).splitlines():
        _, command, *words = shlex.split(line)
        if command == "data":
            continue
        typed = [sys.executable, "-m", "randquant", command, *words, *SMALL[command]]
        done = subprocess.run(typed, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode in {0, int(command == "doctor")}, done.stderr  # doctor: 1 where it found something
