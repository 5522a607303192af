"""The house itself: samples flow one way, the public names are the promised ones, help is instant."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import randquant
from randquant import cli

SRC = Path(randquant.__file__).parent
FILES = sorted(SRC.rglob("*.py"))
# Package order is data order: a room may import the rooms before it. The grid of bench ends in a report.
ROOMS = (
    "errors", "libraries", "terminal", "spec", "settings", "output", "process", "device", "world", "quantize", "data",
    "doctor", "encoder", "methods", "run", "export", "probe", "pretrain", "embed", "finetune", "supervise", "report",
    "preview", "view", "bench", "recipes", "options", "cli", "__main__",
)  # fmt: skip
HEAVY = {"torch", "numba", "numpy", "scipy", "sklearn", "matplotlib", "lightning_fabric", "jinja2", "triton", "rich"}


def room_of(file: Path) -> str:
    return file.relative_to(SRC).with_suffix("").parts[0]


def imported_rooms(file: Path) -> Iterator[str]:
    """The rooms a file imports, anywhere in it; "" is the package itself."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = file.relative_to(SRC.parent).parts[: -node.level] if node.level else ()  # of dots
            start = ".".join([*parents, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "randquant" and rest != "__version__":
                yield rest.partition(".")[0]


@pytest.mark.parametrize("file", [file for file in FILES if file != SRC / "__init__.py"], ids=lambda f: f.stem)
def test_imports_point_upstream_only(file: Path) -> None:
    room = room_of(file)
    assert room in ROOMS, f"{file} is no room of the house; give it its place in ROOMS"
    allowed = {"errors", "quantize"} if room == "quantize" else set(ROOMS[: ROOMS.index(room) + 1])
    assert set(imported_rooms(file)) <= allowed


def test_no_import_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SRC", tmp_path / "randquant")
    file = tmp_path / "randquant" / "data" / "digits.py"
    file.parent.mkdir(parents=True)
    file.write_text("import randquant.cli\nfrom .. import run\nfrom .batch import Batch\nfrom randquant import bench\n")
    assert list(imported_rooms(file)) == ["cli", "run", "data", "bench"]
    file.write_text(
        "def late():\n    from randquant.probe import score\nimport torch\nfrom randquant import __version__\n"
    )
    assert list(imported_rooms(file)) == ["probe"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_every_file_says_what_goes_in_and_out(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert docstring, f"{file} has no docstring"
    assert len(docstring.splitlines()[0]) <= 120


def test_public_surface() -> None:
    assert randquant.__all__ == [
        "randomized_quantize",
        "RandomizedQuantization",
        "Embedder",
        "UserError",
        "__version__",
    ]
    for name in randquant.__all__:
        assert getattr(randquant, name) is not None
        assert name in dir(randquant)
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = randquant.quantise


def test_type_checkers_see_the_names_that_are_imported_late() -> None:
    tree = ast.parse((SRC / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        alias.asname: (node.module or "").removeprefix("randquant.")
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == randquant._ROOM_OF


def loaded_by(code: str) -> set[str]:
    """The top-level modules a fresh interpreter holds after some code."""
    code += "\nimport sys; print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "module", ["randquant", *(f"randquant.{room}" for room in ("errors", "spec", "settings", "options", "cli"))]
)
def test_what_help_needs_loads_nothing_heavy(module: str) -> None:
    assert not loaded_by(f"import {module}") & HEAVY


def test_heavy_libraries_come_with_the_first_use() -> None:
    assert "torch" in loaded_by("import randquant; randquant.randomized_quantize")


@pytest.mark.parametrize("words", [[], *([name] for name in cli.COMMANDS)], ids=" ".join)
def test_help_answers_at_once(words: list[str]) -> None:
    """Half a second is the bar of a machine at rest (benchmarks/own_data.py); two tests at a time slow each other."""
    assert any(seconds_of_help(words) < 0.75 for _ in range(8))


def seconds_of_help(words: list[str]) -> float:
    """The processor's seconds: those on the wall are the machine's too, which may be busy with something else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "randquant", *words, "--help"], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.startswith(f"usage: randquant {' '.join(words) or 'COMMAND'}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
