"""The pages of docs/integrations are programs that assert what they say; the README's Python runs as it stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hidden import everything

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "integrations"
PAGES = sorted(FOLDER.glob("*.py"))
LONG = ("with_lightly", "with_stable_pretraining")  # whose libraries take long to import


def test_every_page_is_listed() -> None:
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(PAGES) == 5
    for page in PAGES:
        assert f"[{page.name}]({page.name})" in listed


@pytest.mark.parametrize(
    "page", [pytest.param(one, id=one.stem, marks=[pytest.mark.soak] if one.stem in LONG else []) for one in PAGES]
)
def test_page_holds_what_it_says(page: Path) -> None:
    tree = ast.parse(page.read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").startswith("# ")
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    # Warnings of foreign libraries are theirs; an exit code is ours.
    done = subprocess.run([sys.executable, page], env=everything(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


EXAMPLES = {"README.md": 4, "docs/own-data.md": 1, "docs/training.md": 2}  # the blocks of Python on a page
RUN = """
import sys
from pathlib import Path
for page in sys.argv[1:]:
    exec(compile(Path(page).read_text(encoding="utf-8"), page, "exec"), {"__name__": "__main__"})
"""


def test_python_of_readme_and_docs_runs_as_it_stands(tmp_path: Path) -> None:
    """Each page with names of its own, in one process for all: imports take seconds."""
    for page, count in EXAMPLES.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert len(blocks) == count
        (tmp_path / f"{Path(page).stem}.py").write_text("\n".join(blocks), encoding="utf-8")
    words = [sys.executable, "-W", "error", "-c", RUN, *(f"{Path(page).stem}.py" for page in EXAMPLES)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "waves" / "encoder.safetensors").exists()


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/integrations/README.md", "docs/training.md", "docs/own-data.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}, which is not there"
