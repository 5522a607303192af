"""A command line in, an exit code out: the only room that sees all others.

A command is one line of COMMANDS: its options are the fields of a frozen dataclass, its work one function of a
room that is imported when the command runs, so that help loads no torch.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import io
import logging
import os
import re
import signal
import sys
import typing
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple, cast

import tyro

from randquant import __version__, process
from randquant.errors import ToldElsewhereError, UserError
from randquant.options import flow, joined, option_of, options
from randquant.settings import (
    BenchSettings,
    ChooseSettings,
    DataSettings,
    DoctorSettings,
    EmbedSettings,
    ExportSettings,
    FinetuneSettings,
    PretrainSettings,
    PreviewSettings,
    ProbeSettings,
    Protocol,
    QuickstartSettings,
    RecipeSettings,
    ReportSettings,
    SuperviseSettings,
    ViewSettings,
    defaults_of,
)


class Command(NamedTuple):
    """What a command's name stands for."""

    settings: type
    room: str
    function: str


COMMANDS = {
    "quickstart": Command(QuickstartSettings, "bench", "quickstart"),
    "pretrain": Command(PretrainSettings, "pretrain", "train"),
    "probe": Command(ProbeSettings, "probe", "probe"),
    "finetune": Command(FinetuneSettings, "finetune", "finetune"),
    "embed": Command(EmbedSettings, "embed", "embed"),
    "choose": Command(ChooseSettings, "bench", "choose"),
    "supervise": Command(SuperviseSettings, "supervise", "supervise"),
    "bench": Command(BenchSettings, "bench", "bench"),
    "report": Command(ReportSettings, "report", "report"),
    "preview": Command(PreviewSettings, "preview", "preview"),
    "doctor": Command(DoctorSettings, "doctor", "doctor"),
    "view": Command(ViewSettings, "view", "view"),
    "export": Command(ExportSettings, "export", "export"),
    "recipe": Command(RecipeSettings, "recipes", "recipe"),
    "data": Command(DataSettings, "data.command", "data"),
}

_DEBUG = "--debug"  # of every command, so of none of the settings
_FRAME = re.compile(r"\x1b\[[\d;]*m|[╭╮╰╯│]")
_RULE = re.compile(r"\s*[─-]+\s*")
_PLAINLY = {
    r"invalid literal for int\(\) with base 10: (.*)": r"\1 is not a whole number",
    r"could not convert string to float: (.*)": r"\1 is not a number",
    r"^Error parsing ": "",
}


class Terminated(KeyboardInterrupt):
    """SIGTERM. Whoever saves state on Ctrl-C saves it on this too."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; None takes them from `sys.argv`.

    Returns:
        0; 1 where `data check` found something broken; 2 after a mistake of the user, told in one line on standard
        error; 130 after Ctrl-C; 143 after SIGTERM; 141 where the output's reader has left. Of several processes that
        torchrun has started, one tells what is wrong with all of them.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = _DEBUG in words
    signal.signal(signal.SIGTERM, _terminate)
    logging.basicConfig(level=logging.WARNING, format="randquant: %(message)s")
    try:
        try:
            code = _run([word for word in words if word != _DEBUG])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (UserError, OSError) as problem:
        if debug:
            raise
        return 2 if isinstance(problem, ToldElsewhereError) else _say(f"error: {_told(problem)}", 2)
    except Terminated:
        return _say("terminated", 143) if process.is_first_here() else 143
    except KeyboardInterrupt:
        return _say("interrupted", 130) if process.is_first_here() else 130
    return code


def _run(words: list[str]) -> int:
    """Run one command; its exit code is what its function returned, where that is a number."""
    name = words[0] if words else None
    if name in ("-h", "--help"):
        sys.stdout.write(_overview())
        return 0
    if name == "--version":
        sys.stdout.write(f"randquant {__version__}\n")
        return 0
    try:
        command, settings = _command(name), _settings(str(name), words[1:])
    except UserError as problem:
        raise process.told_once(problem) from problem  # the others here were given the same words
    process.keep_memory()
    room = importlib.import_module(f"randquant.{command.room}")
    outcome = getattr(room, command.function)(settings)
    return outcome if isinstance(outcome, int) else 0


def _command(name: str | None) -> Command:
    """The command of this name."""
    if name is None:
        raise UserError(f"no command given; the commands are {', '.join(COMMANDS)} (randquant --help)")
    if name not in COMMANDS:
        raise UserError(f"unknown command {name!r}; the commands are {', '.join(COMMANDS)} (randquant --help)")
    return COMMANDS[name]


def _overview() -> str:
    """The text of `randquant --help`; a command's line is the first of its settings' docstring."""
    width = max(map(len, COMMANDS))
    lines = [
        f"  {name:{width}}  {(command.settings.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()
    ]
    return "\n".join(
        [
            "usage: randquant COMMAND [OPTIONS]",
            "",
            "Self-supervised learning from any array, with randomized quantization.",
            "",
            *lines,
            "",
            "  COMMAND --help   the options of a command",
            "  --debug          of every command: show where an error came from",
            "  --version        the version",
            "",
        ]
    )


def _settings(name: str, words: list[str]) -> object:
    """Parse a command's words into its settings; a UserError of one line where the words are wrong."""
    kind = COMMANDS[name].settings
    hint = f"(randquant {name} --help)"
    known = options(kind)
    for word in words:
        option = option_of(word)
        # The parser stops at the first missing value; an option misspelt is the likelier cause, so it is told first.
        if option.startswith("--") and option not in known:
            near = "".join(
                f"; did you mean {match}?" for match in difflib.get_close_matches(option, known, n=1, cutoff=0.7)
            )
            raise UserError(f"unknown option {option} of {name}{near} {hint}")
    if not {"-h", "--help"}.isdisjoint(words):
        flow(kind)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            settings: object = tyro.cli(
                kind,
                prog=f"randquant {name}",
                description=f"{inspect.cleandoc(kind.__doc__ or '')}\n\n{_DEBUG} shows where an error came from.",
                args=joined(kind, words),
                default=_preset(kind, words),
                config=(
                    tyro.conf.OmitArgPrefixes,
                    tyro.conf.FlagCreatePairsOff,
                    tyro.conf.PositionalMetavarFromFieldName,
                ),
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            raise
        raise _refused_by(stop) or UserError(f"{_one_line(said.getvalue())} {hint}") from None
    return settings


def _preset(kind: type, words: list[str]) -> Any:
    """The defaults of the protocol that the words name; None where they are the fields' own."""
    named = re.search(r"(?:^| )--protocol[ =](\w+)", " ".join(words))
    faithful = not {"--dabs-faithful", "--dabs_faithful"}.isdisjoint(words)
    if kind is not PretrainSettings or named is None or named[1] not in typing.get_args(Protocol):
        return None
    required = dict.fromkeys(("data", "out"), tyro.MISSING)
    return PretrainSettings(**required, **defaults_of(cast(Protocol, named[1]), faithful=faithful))


def _refused_by(stop: BaseException) -> UserError | None:
    """The error of the settings themselves, if it was one that made the parser stop."""
    cause = stop.__context__
    return cause if cause is None or isinstance(cause, UserError) else _refused_by(cause)


def _one_line(box: str) -> str:
    """The message in a box that the parser drew: what stands between the title and the first rule."""
    rows = [_FRAME.sub("", row) for row in box.splitlines()[1:]]
    while rows and _RULE.fullmatch(rows[0]):
        rows.pop(0)
    end = next((i for i, row in enumerate(rows) if _RULE.fullmatch(row)), len(rows))
    text = " ".join(" ".join(row for row in rows[:end] if not row.startswith(" " * 9)).split())  # 9: help of an option
    for pattern, plain in _PLAINLY.items():
        text = re.sub(pattern, plain, text)
    return text[:1].lower() + text[1:]


def _told(problem: UserError | OSError) -> str:
    """A problem in one line."""
    text = str(problem)
    if isinstance(problem, OSError) and problem.filename is not None:
        text = f"{problem.filename}: {problem.strerror}"
    return " ".join(text.split())


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"randquant: {text}\n")
    return code


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated
