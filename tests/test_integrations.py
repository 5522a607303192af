"""The pages of docs/integrations are programs that assert what they say; the README's Python runs as it stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "integrations"
PAGES = sorted(FOLDER.glob("*.py"))


def test_every_page_is_listed() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(PAGES) == 5
    for page in PAGES:
        assert f"[{page.name}]({page.name})" in listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_holds_what_it_says(page: Path) -> None:
    tree = ast.parse(page.read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").startswith("# ")
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    # Warnings of foreign libraries are theirs; an exit code is ours.
    done = subprocess.run([sys.executable, page], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_python_of_the_readme_runs_as_it_stands() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 4
    done = subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(blocks)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_python_of_the_page_on_own_data_runs_as_it_stands() -> None:
    text = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_python_of_the_training_page_runs_as_it_stands(tmp_path: Path) -> None:
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "training.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "waves" / "encoder.safetensors").exists()


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/integrations/README.md", "docs/training.md", "docs/own-data.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}, which is not there"
