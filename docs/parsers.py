"""The commands as their own argument parsers describe them."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from unittest import mock

COMMANDS = ("siemparse", "siemquery", "siemtrigger", "siemmanage")


@dataclass(frozen=True)
class Flag:
    """A flag or positional argument: all its spellings, its value's name, its help."""

    names: tuple[str, ...]
    value: str
    meaning: str


class _Caught(Exception):
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def parser_of(command: str) -> argparse.ArgumentParser:
    """A command's parser, caught as it is about to print its help."""

    def catch(parser: argparse.ArgumentParser, _file: object = None) -> None:
        raise _Caught(parser)

    module = importlib.import_module(f"siemstress.commands.{command}")
    handler = signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(argparse.ArgumentParser, "print_help", catch),
        mock.patch.object(sys, "argv", [command, "--help"]),
        contextlib.suppress(SystemExit),
    ):
        try:
            module.main()
        except _Caught as caught:
            return caught.parser
        finally:
            signal.signal(signal.SIGTERM, handler)
    raise LookupError(f"{command} --help shows no help")


def flags(
    parser: argparse.ArgumentParser, parent: argparse.ArgumentParser | None = None
) -> Iterator[tuple[str, list[Flag]]]:
    """Its flags by group, without subcommands, hidden flags, and those that a parent has too."""
    known = set(parent._option_string_actions) if parent else set()
    for group in parser._action_groups:
        found = [
            _flag(action)
            for action in group._group_actions
            if action.help != argparse.SUPPRESS
            and not known & set(action.option_strings)
            and not isinstance(action, argparse._SubParsersAction)
        ]
        if found:
            yield (group.title or "options"), found


def subcommands(parser: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    """The help and the parser of each subcommand, by name."""
    found = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            meanings = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                found[name] = (_one_line(meanings.get(name, "")), child)
    return found


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage line, without the word and on one line."""
    return _one_line(parser.format_usage()).removeprefix("usage: ")


def example_lines(parser: argparse.ArgumentParser) -> str:
    """The text of examples at the end of the help, without its heading."""
    lines = (parser.epilog or "").splitlines()
    if lines and lines[0].lower().startswith("examples"):
        lines = lines[1:]
    return "\n".join(line.strip() for line in lines).strip()


def _flag(action: argparse.Action) -> Flag:
    value = ""
    if action.nargs != 0:
        choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
        plain = action.dest.upper() if action.option_strings else action.dest
        name = action.metavar or choices or plain
        value = name if isinstance(name, str) else " ".join(name)
        if action.nargs in ("?", "*") and action.option_strings:
            value = f"[{value}]"
    meaning = _one_line((action.help or "") % {**vars(action), "prog": "the command"})
    if action.option_strings:
        return Flag(tuple(action.option_strings), value, meaning)
    return Flag((value,), "", meaning)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
