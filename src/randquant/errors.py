"""The one kind of error a user can mend; its text is one line that says what is wrong and what to do."""


class UserError(ValueError):
    """A wrong argument, file or setting.

    The text names the argument, what was given and what is allowed. The command line prints it as
    `randquant: error: …` and exits with 2.
    """


class ToldElsewhereError(UserError):
    """An error that another process of the same training tells; the command line exits with 2 and is silent."""
