"""Message tables that the user describes in TOML files, made the same objects as the built-in ones.

    programs = ["doord"]

    [[messages]]
    text = "denied card {card} of {user_name}"
    set = {action = "enter", outcome = "failure"}

A file that describes a format may have `[[messages]]`, too: they are for that format's messages.
docs/formats.md tells of all keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from siemstress.config.format_files import Document, read_all
from siemstress.errors import ConfigError
from siemstress.fields.tables import NUMBER_COLUMNS, TEXT_COLUMNS, Pattern, Sample, Table
from siemstress.fields.templates import has_stray_brace, parse
from siemstress.formats.own_reader import program_of

KEYS = frozenset({"programs", "messages", "samples"})

_FIELD = re.compile(r"[a-z_][a-z0-9_.]{0,199}\Z")
_ACTION = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")
_LONGEST = 255


def own_tables(
    documents: Sequence[Document] | None = None,
) -> tuple[list[Table], list[ConfigError]]:
    """The tables of documents (None: of the usual places), and what is wrong with the others."""
    problems: list[ConfigError] = []
    if documents is None:
        documents, _ = read_all()
    made: list[Table] = []
    for document in documents:
        if not {"programs", "messages"} & document.keys.keys():
            continue
        try:
            made.append(table_of(document))
        except ConfigError as e:
            problems.append(e)
    return made, problems


def table_of(document: Document) -> Table:
    """The message table that a document describes.

    Raises:
        ConfigError: it describes none; says which key is wrong, and what would be right.

    """
    patterns = tuple(_pattern(item) for item in document.tables("messages"))
    if "programs" not in document.keys:
        # Of a format, whose samples are whole lines.
        return Table((program_of(str(document.keys.get("name"))),), patterns)
    document.only(KEYS)
    programs = document.texts("programs")
    if not programs:
        raise document.mistake("programs", "must name processes, as ['sshd']")
    for name in programs:
        if name != name.lower() or len(name) > _LONGEST or name.startswith("/"):
            raise document.mistake("programs", f"{name!r} must be in small letters, without a path")
    if not patterns:
        raise document.mistake("messages", "are missing: write [[messages]]")
    return Table(programs, patterns, tuple(_sample(item) for item in document.tables("samples")))


def _pattern(document: Document) -> Pattern:
    document.only({"text", "set"})
    text = document.text("text")
    if text is None:
        raise document.mistake("text", "is missing: what the program says")
    if has_stray_brace(text):
        raise document.mistake("text", "has a brace that begins no {name}; a brace itself is {{")
    try:
        parse(text)
    except ValueError as e:
        raise document.mistake("text", str(e)) from None
    return Pattern(text, _sets(document.table("set")))


def _sets(document: Document) -> dict[str, str]:
    made: dict[str, str] = {}
    for name in document.keys:
        text = document.text(name) or ""
        if name in NUMBER_COLUMNS or not _FIELD.match(name):
            raise document.mistake(name, "cannot be set: it must be another column, or a field")
        if name == "outcome" and text not in {"success", "failure"}:
            raise document.mistake(name, "must be success or failure")
        if name == "action" and not _ACTION.match(text):
            raise document.mistake(name, "must be a word of small letters, digits and _")
        made[name] = text
    return made


def _sample(document: Document) -> Sample:
    document.only({"message", "expect"})
    message = document.text("message")
    if message is None or "\n" in message:
        raise document.mistake("message", "must be a message in quotes")
    expect = document.table("expect")
    made: dict[str, str | int] = {}
    for name, value in expect.keys.items():
        # As in the samples of formats a field may be called so.
        plain = name.removeprefix("fields.")
        number = isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, str) or number) or (number and name not in NUMBER_COLUMNS):
            kind = "a number" if name in NUMBER_COLUMNS else "a text in quotes"
            raise expect.mistake(name, f"must be {kind}")
        made[name if name in TEXT_COLUMNS else plain] = value
    return Sample(message, made)
