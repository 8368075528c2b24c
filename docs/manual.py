"""Manual pages in roff, from the parsers and the hand-written parts in `man/parts`."""

from __future__ import annotations

import argparse
from pathlib import Path

from parsers import COMMANDS, Flag, example_lines, flags, subcommands, usage
from siemstress import __version__

PARTS = Path(__file__).resolve().parent.parent / "man" / "parts"


def page(command: str, parser: argparse.ArgumentParser) -> str:
    """The whole manual page of a command."""
    title = (parser.description or "").split("\n", maxsplit=1)[0].rstrip(".")
    lines = [
        '.\\" Written by docs/write_reference.py; change man/parts or the command instead.',
        f'.TH {command.upper()} 1 "" "siemstress {__version__}" "siemstress"',
        ".SH NAME",
        f"{command} \\- {escape(title[:1].lower() + title[1:])}",
        ".SH SYNOPSIS",
        _synopsis(command, usage(parser)),
        ".SH DESCRIPTION",
        (PARTS / f"{command}.roff").read_text().strip(),
    ]
    children = subcommands(parser)
    if children:
        lines.append(".SH COMMANDS")
        for name, (meaning, child) in children.items():
            lines += [".TP", f".B {escape(name)}", escape(meaning)]
            for _, listed in flags(child, parser):
                lines += [line for flag in listed for line in _sub(flag)]
    for title, listed in flags(parser):
        lines.append(f'.SH "{escape(title.upper())}"')
        for flag in listed:
            lines += [".TP", _term(flag), escape(flag.meaning) or "See above."]
    if text := example_lines(parser):
        lines += [".SH EXAMPLES", ".nf", escape(text), ".fi"]
    lines.append((PARTS / "common.roff").read_text().strip())
    others = ",\n".join(f".BR {name} (1)" for name in COMMANDS if name != command)
    lines += [".SH SEE ALSO", others.replace(",\n", " ,\n")]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text as roff prints it: backslashes, hyphens as typed, no line that looks like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = text.replace("`", "").replace("≤", "<=").replace("…", "...").replace("'", "\\(aq")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def _term(flag: Flag) -> str:
    names = ", ".join(f"\\fB{escape(name)}\\fR" for name in flag.names)
    return f"{names} \\fI{escape(flag.value)}\\fR" if flag.value else names


def _sub(flag: Flag) -> list[str]:
    return [".RS", ".TP", _term(flag), escape(flag.meaning), ".RE"]


def _synopsis(command: str, text: str) -> str:
    return f".B {command}\n{escape(text.removeprefix(command).strip())}"
