"""What every test may count on."""

from __future__ import annotations

import signal

import pytest

from hidden import hide

# Few tests each, but long ones: `make test` hands files out in this order, so that none is left alone at the end. Those
# of test_killed.py start the server that forks processes, with all that a training imports, for the tests after them.
FIRST = (
    "test_killed", "test_triton", "test_world", "test_processes", "test_integrations", "test_submit", "test_keys",
    "test_bench", "test_whole_recipes", "test_export", "test_quantize",
)  # fmt: skip


def pytest_configure() -> None:
    """Ctrl-C interrupts, in child processes too: who was started in the background was told to ignore it.

    A foreign library's seconds of import are saved, there too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hide()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else len(FIRST))
