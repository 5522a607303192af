"""The GPU backend: its kernels in triton's interpreter, through triton's compiler, and on a GPU where there is one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed; torch brings it along on Linux"
)
needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no GPU here: the triton kernels ran in triton's interpreter instead"
)


# The interpreter takes a minute for the property, for the longest draws and for many bins, and long for gradients of
# all types; without these every type and every layout is still compared with the definition, bit for bit. The
# compiler is asked the same of whole numbers and float64 as of all else.
LONG = ("test_agrees_with_the_definition", "315-5", "512-2", "1-256", "40-5", "33-shape", "256-shape")
GRADIENTS = "(test_gradients and (dtype1 or dtype2 or dtype3))"
QUICK = " and ".join(f"not {name}" for name in (*LONG, GRADIENTS))
QUICK_TO_COMPILE = "not (test_keyed and (shape1 or shape2 or shape4))"

CASES = "triton_cases.py keyed_cases.py"


def run_apart(files: str, folder: Path, chosen: str = "", **variables: str) -> None:
    """Run files of tests, or some of them, in a process of their own, for what triton reads once and keeps."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            chosen,
            *(str(HERE / file) for file in files.split()),
        ],
        env={**environment, "OMP_NUM_THREADS": "1", "TRITON_CACHE_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout.splitlines()[-1]


@needs_triton
def test_the_interpreter_agrees_with_the_definition(tmp_path: Path) -> None:
    run_apart(CASES, tmp_path, QUICK, TRITON_INTERPRET="1")


@needs_triton
@pytest.mark.soak
def test_the_interpreter_agrees_in_every_case(tmp_path: Path) -> None:
    run_apart(CASES, tmp_path, TRITON_INTERPRET="1")


@needs_triton
def test_the_compiler_takes_the_kernels(tmp_path: Path) -> None:
    run_apart("triton_compiles.py", tmp_path, QUICK_TO_COMPILE)


@needs_triton
@pytest.mark.soak
def test_the_compiler_takes_every_kernel(tmp_path: Path) -> None:
    run_apart("triton_compiles.py", tmp_path)


@needs_triton
@needs_gpu
def test_the_gpu_agrees_with_the_definition(tmp_path: Path) -> None:
    run_apart(CASES, tmp_path)


def test_other_backends_leave_it_unloaded() -> None:
    code = (
        "import sys, torch; from randquant import randomized_quantize\n"
        "for backend in ('reference', 'torch'): randomized_quantize(torch.rand(2, 3, 4), backend=backend)\n"
        "assert not [name for name in sys.modules if name.startswith('randquant.quantize.gpu')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
