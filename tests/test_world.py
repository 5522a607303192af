"""world: two processes compute what one does. One launch of `two_processes.py` serves all tests here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from randquant.methods import METHODS

SCRIPT = Path(__file__).with_name("two_processes.py")
ALLOWED = 1e-5


@pytest.fixture(scope="module")
def table() -> str:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines(table: str) -> dict[str, dict[str, float]]:
    """Case to quantity to largest difference."""
    found = {}
    for line in table.splitlines():
        name, *differences = line.split("\t")
        found[name] = {one.rpartition(" ")[0]: float(one.rpartition(" ")[2]) for one in differences}
    return found


def test_two_processes_compute_what_one_does(table: str) -> None:
    found = lines(table)
    del found["control"]
    wrong = [name for name, differences in found.items() if not max(differences.values()) <= ALLOWED]
    assert not wrong, f"{', '.join(wrong)}\n{table}"


def test_every_method_is_compared(table: str) -> None:
    wanted = {"loss 1", "gradient 1", "loss 20", "gradient 20", "state 20"}
    compared = {
        name.partition(",")[0].rpartition("+")[2] for name, found in lines(table).items() if set(found) == wanted
    }
    assert set(METHODS) <= compared, table


def test_exchange_and_batch_normalisation_are_compared(table: str) -> None:
    found = lines(table)
    assert set(found["world.gather"]) == set(found["world.total"]) == {"output", "gradient"}
    norms = [differences for name, differences in found.items() if name.startswith("batch norm")]
    assert len(norms) == 16
    assert sum("statistics" in differences for differences in norms) == 12


def test_the_comparison_can_fail(table: str) -> None:
    assert min(lines(table)["control"].values()) > 100 * ALLOWED, table
