"""What every test may count on."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Ctrl-C interrupts, in child processes too: who was started in the background was told to ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
