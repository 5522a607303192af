"""Steps done and their loss in, progress on standard error out."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from randquant.settings import PretrainSettings

PLAIN_LINE_EVERY = 10.0  # seconds, where there is no terminal for a progress bar


class Display:
    """A progress bar with loss, samples a second and time left; without a terminal a plain line every so often."""

    def __init__(self, settings: PretrainSettings, first: int, *, quiet: bool) -> None:
        self._settings, self._first = settings, first
        self._console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:,.0f} samples/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._progress.add_task(
            settings.method, total=settings.steps, completed=first, loss=0.0, speed=0.0
        )

    def __enter__(self) -> Display:
        self._started = self._last_line = time.monotonic()
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, done: int, loss: float) -> None:
        """Say that so many steps are done."""
        now = time.monotonic()
        pace = (done - self._first) / max(now - self._started, 1e-9)  # steps a second
        speed = pace * self._settings.batch * self._settings.accumulate
        self._progress.update(self._task, completed=done, loss=loss, speed=speed)
        total = self._settings.steps
        if not self._console.is_terminal and (now - self._last_line > PLAIN_LINE_EVERY or done == total):
            self._last_line = now
            left = f"{(total - done) / pace:.0f} s left" if done < total else f"done in {now - self._started:.0f} s"
            self._console.print(
                f"{self._settings.method}: step {done}/{total}  loss {loss:.3f}  {speed:,.0f} samples/s  {left}"
            )
