"""The one kind of error a user can mend; its text is one line that says what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path


class UserError(ValueError):
    """A wrong argument, file or setting.

    The text names the argument, what was given and what is allowed. The command line prints it as
    `randquant: error: …` and exits with 2.
    """


class UnreadableError(UserError):
    """A file that no decoder takes; others beside it may be sound."""

    def __init__(self, text: str, path: Path | None = None) -> None:
        super().__init__(text)
        self.path = path


class InfiniteError(UserError):
    """Values that are infinite; others beside them may be sound."""


class ToldElsewhereError(UserError):
    """An error that another process of the same training tells; the command line exits with 2 and is silent."""
