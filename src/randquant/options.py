"""A settings dataclass in, what the command line makes of it out: its options, repeated ones joined, their help."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple


class Option(NamedTuple):
    """The setting that an option gives, and whether it takes several values."""

    setting: str
    several: bool


def options(kind: type) -> dict[str, Option]:
    """Every option that a settings dataclass gives a command, those of dataclasses inside it included."""
    found = {"--help": Option("help", False)}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        names = [f"--{name.replace('_', '-')}"]
        if typing.get_origin(hint) is typing.Annotated:
            hint, *extras = typing.get_args(hint)
            names += [one for extra in extras for one in getattr(extra, "aliases", None) or ()]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            found |= options(hint)
            continue
        if hint is bool:
            names.append(f"--no-{name.replace('_', '-')}")
        found |= dict.fromkeys(names, Option(name, typing.get_origin(hint) is tuple))
    return found


def option_of(word: str) -> str:
    """The option that a word names, as it stands in the help: `--log-every` for `--log_every=5`."""
    return word.partition("=")[0].replace("_", "-")


def joined(kind: type, words: Sequence[str]) -> list[str]:
    """Words in which an option that takes several values stands once, with all that were given to it, in their order.

    The parser would take the values of the last one alone.
    """
    known = options(kind)
    groups: list[list[str]] = [[]]  # an option and its values; what stands before the first one
    first: dict[str, list[str]] = {}
    for word in words:
        option = known.get(option_of(word)) if word.startswith("-") else None
        if option is None:
            groups[-1].append(word)
            continue
        values = [word.partition("=")[2]] if "=" in word else []
        if not option.several:
            groups.append([word])
        elif option.setting in first:
            first[option.setting].extend(values)
            groups.append(first[option.setting])
        else:
            first[option.setting] = [option_of(word), *values]
            groups.append(first[option.setting])
    return [word for group in {id(one): one for one in groups}.values() for word in group]


def flow(kind: type) -> None:
    """Give each setting its docstring in one line as its help: the parser would break it where the source does."""
    for hint in typing.get_type_hints(kind).values():
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            flow(hint)
    settings = {one.name: one for one in dataclasses.fields(kind)}
    for one in (one for one in kind.__mro__ if dataclasses.is_dataclass(one)):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
        assert isinstance(tree, ast.ClassDef)
        for before, after in pairwise(tree.body):
            if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr):
                setting, text = settings[ast.unparse(before.target)], ast.literal_eval(after.value)
                setting.metadata = MappingProxyType({**setting.metadata, "help": " ".join(text.split())})
