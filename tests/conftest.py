"""What every test may count on."""

from __future__ import annotations

import signal

from hidden import hide


def pytest_configure() -> None:
    """Ctrl-C interrupts, in child processes too: who was started in the background was told to ignore it.

    A foreign library's seconds of import are saved, there too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hide()
