"""Formats that the user describes in TOML files, made the same objects as the built-in ones.

    name = "door"
    regex = '(?<time>\\S+)\\|(?<host>[^|]*)\\|(?<message>.*)'

docs/formats.md tells of all keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl

from siemstress.config.format_files import Document, read_all
from siemstress.errors import ConfigError, UserError
from siemstress.formats.base import FIRST, SYSLOGS, Format, Sample, standing
from siemstress.formats.clock import parse_zone
from siemstress.formats.expression import Expression, reason
from siemstress.formats.header import Span
from siemstress.formats.keys import FACILITY_NUMBERS, FILLED, LEVELS
from siemstress.formats.leaves import Leaves
from siemstress.formats.objects import take_apart
from siemstress.formats.own_reader import Own, Take, program_of
from siemstress.formats.own_times import NAMED, Notation, notation
from siemstress.formats.pairs import Pairs
from siemstress.sources.lines import Mask, of_texts

KINDS = ("regex", "pairs", "json")
KEYS = frozenset({
    "name", *KINDS, "starts", "contains", "behind", "program", "within", "time", "zone", "columns",
    "set", "values", "where", "rank", "messages", "samples",
})  # fmt: skip

# What [columns] holds beside columns: names that fill none.
_FIELDS = "fields"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")
_FIELD = re.compile(r"[A-Za-z0-9_@][\w.@-]{0,199}\Z")
# Highest rank; what is above is read by nobody but who asks for it.
_LAST = 99
_PORT, _PID = 65_535, 99_999_999


def own_formats(
    documents: Sequence[Document] | None = None,
) -> tuple[list[Format], list[ConfigError]]:
    """The formats of documents (None: of the usual places), and what is wrong with the others."""
    problems: list[ConfigError] = []
    if documents is None:
        documents, problems = read_all()
    made: dict[str, Format] = {}
    for document in documents:
        if not is_format(document):
            continue
        try:
            known = format_of(document)
            if known.name in made:
                raise document.mistake("name", f"another file has a format {known.name!r}")
            made[known.name] = known
        except ConfigError as e:
            problems.append(e)
    return list(made.values()), problems


def is_format(document: Document) -> bool:
    """Whether a document is of a format; else it is of messages only."""
    return "programs" not in document.keys


def format_of(document: Document) -> Format:
    """The format that a document describes.

    Raises:
        ConfigError: it describes none; says which key is wrong, and what would be right.

    """
    document.only(KEYS)
    own = _own(document)
    within = _within(document)
    return Format(
        name=own.name,
        read=None if within else standing(own.refine, own.claims),
        refines=within,
        claims=own.claims,
        refine=own.refine,
        rank=_rank(document),
        samples=tuple(_sample(item) for item in document.tables("samples")),
    )


def _own(document: Document) -> Own:
    name = document.text("name")
    if name is None or not _NAME.match(name) or name == "auto":
        raise document.mistake("name", "must be a word of small letters, digits and _, as 'door'")
    take, groups = _take(document)
    constants = _constants(document.table("set"))
    values = _values(document.table("values"))
    times = _times(document)
    twice = sorted(groups & constants.keys())
    if twice:
        raise document.table("set").mistake(twice[0], "is a group of the regex as well")
    return Own(
        name=name,
        take=take,
        starts=document.texts("starts"),
        contains=document.texts("contains"),
        behind=document.text("behind"),
        programs=document.texts("program"),
        times=times,
        zone=_zone(document),
        columns=_columns(document.table("columns"), groups),
        values={n: words for n, words in values.items() if n != "severity"},
        levels={**LEVELS, **_levels(values.get("severity", {}))},
        constants=constants,
        where=_where(document.table("where"), groups),
        program=program_of(name) if "messages" in document.keys else None,
    )


def _take(document: Document) -> tuple[Take, frozenset[str]]:
    """What takes a text apart, and the names that it gives, as far as these are known."""
    given = [kind for kind in KINDS if kind in document.keys]
    if len(given) != 1:
        raise document.mistake(None, f"must have one of the keys {', '.join(KINDS)}")
    kind = given[0]
    if kind == "pairs":
        return _pairs(document), frozenset()
    if kind == "json":
        if document.keys[kind] is not True:
            raise document.mistake(kind, "must be true")
        return _objects, frozenset()
    if "behind" in document.keys:
        raise document.mistake("behind", "goes with pairs and json; put it into the regex")
    expression = compiled(document, "regex")
    groups = frozenset(name for name in expression.names if not name.startswith("_"))
    if not groups:
        raise document.mistake("regex", "has no named group: write (?<host>\\S+)")

    def take(text: pl.Series) -> tuple[Mask, Leaves]:
        # Lines of others cost a quarter of what it takes to look for groups in them.
        ok = text.str.contains(expression.regex)
        if ok.all():
            return expression.match(text)
        _, leaves = expression.match(text.filter(ok))
        return ok.to_numpy(), leaves

    return take, groups


def compiled(document: Document, key: str) -> Expression:
    """The expression in a document's key, which must fit texts as a whole.

    Raises:
        ConfigError: it is none, or too large.

    """
    text = document.text(key) or ""
    expression = Expression(f"^(?:{text})$")
    try:
        pl.Series([""]).str.contains(text)
        expression.names  # noqa: B018 - it is compiled to know them
        expression.match(pl.Series(["", "a"]))
    except pl.exceptions.PolarsError as e:
        raise document.mistake(key, f"cannot be used: {reason(e)}") from None
    return expression


def _objects(text: pl.Series) -> tuple[Mask, Leaves]:
    """Texts that are JSON objects; what is nested is named as in `a.b`."""
    opened = text.str.contains(r"^\s*\{").to_numpy()
    rows = np.flatnonzero(opened)
    found = take_apart(text.gather(rows), ())
    ok = np.zeros(len(text), bool)
    ok[rows[found.good]] = True
    return ok, found.take(np.flatnonzero(found.good)).leaves


def _pairs(document: Document) -> Take:
    """What takes key=value pairs apart: by default those with blanks between."""
    if document.keys["pairs"] is True:
        pairs = Pairs()
    else:
        table = document.table("pairs")
        table.only({"separators", "equals", "quotes"})
        given = {name: table.text(name) or "" for name in table.keys}
        if len(given.get("equals", "=")) != 1 or not "".join(given.values()).isascii():
            raise table.mistake(
                "equals", "must be one character of ASCII, and the others ASCII too"
            )
        pairs = Pairs(
            separators=given.get("separators", Pairs.separators),
            equals=given.get("equals", Pairs.equals),
            quotes=given.get("quotes", Pairs.quotes),
        )

    def take(text: pl.Series) -> tuple[Mask, Leaves]:
        lines = of_texts(text)
        placed = pairs.read(lines, Span(lines.starts, lines.ends - lines.starts))
        ok = np.zeros(len(text), bool)
        ok[placed.row] = True
        number = np.cumsum(ok) - 1
        texts = placed.texts(np.arange(len(placed.row)))
        return ok, Leaves(number[placed.row], placed.name, placed.names, texts)

    return take


def _within(document: Document) -> tuple[str, ...]:
    within = document.texts("within")
    if "within" not in document.keys:
        return SYSLOGS if "program" in document.keys else ()
    if not within:
        raise document.mistake("within", "must name formats, as ['syslogbsd', 'rfc5424']")
    if not {"program", "starts", "contains"} & document.keys.keys():
        raise document.mistake("within", "must come with program, starts, or contains")
    return within


def _rank(document: Document) -> int | None:
    rank = document.keys.get("rank", FIRST - 1)
    if rank is False:
        return None
    if isinstance(rank, bool) or not isinstance(rank, int) or not -_LAST <= rank <= _LAST:
        raise document.mistake("rank", f"must be a number from -{_LAST} to {_LAST}, or false")
    return rank


def _times(document: Document) -> tuple[Notation, ...]:
    try:
        return tuple(notation(text) for text in document.texts("time"))
    except ValueError as e:
        raise document.mistake("time", str(e)) from None


def _zone(document: Document) -> str | int | None:
    zone = document.text("zone")
    if zone is None:
        return None
    if "time" not in document.keys:
        raise document.mistake("zone", f"goes with time: one of {', '.join(NAMED)}, or %Y-%m-…")
    try:
        return parse_zone(zone)
    except UserError as e:
        raise document.mistake("zone", str(e)) from None


def _columns(document: Document, groups: frozenset[str]) -> dict[str, tuple[str, ...]]:
    made: dict[str, tuple[str, ...]] = {}
    for column in document.keys:
        if column not in (*FILLED, _FIELDS):
            listed = ", ".join((*FILLED, _FIELDS))
            raise document.mistake(column, f"no such column; there are: {listed}")
        names = document.texts(column)
        for name in names:
            if groups and name not in groups:
                listed = ", ".join(sorted(groups))
                raise document.mistake(column, f"no group {name!r} in the regex; it has: {listed}")
        made["" if column == _FIELDS else column] = tuple(name.lower() for name in names)
    return made


def _constants(document: Document) -> dict[str, str]:
    made: dict[str, str] = {}
    for name, value in document.keys.items():
        if name in {"time", "zone", "message"} or not _FIELD.match(name):
            raise document.mistake(name, "cannot be set: it must be another column, or a field")
        number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        text = str(value) if number or isinstance(value, str) else ""
        made[name] = _fitting(document, name, text)
    return made


def _fitting(document: Document, name: str, text: str) -> str:
    """A value that a column can have.

    Raises:
        ConfigError: it cannot.

    """
    if not text:
        raise document.mistake(name, "must be a text in quotes, or a number")
    if name == "outcome" and text not in {"success", "failure"}:
        raise document.mistake(name, "must be success or failure")
    if name == "action" and not _WORD.match(text):
        raise document.mistake(name, "must be a word of small letters, digits and _, as 'login'")
    if name == "severity" and text.lower() not in LEVELS:
        raise document.mistake(name, "must be a number from 0 (worst) to 7, or a name as 'err'")
    if name == "facility" and text.lower() not in FACILITY_NUMBERS:
        raise document.mistake(name, "must be a facility of syslog, as 'auth'")
    most = {"pid": _PID, "source_port": _PORT, "dest_port": _PORT}.get(name)
    if most is not None and not (text.isdecimal() and text.isascii() and int(text) <= most):
        raise document.mistake(name, f"must be a number from 0 to {most}")
    return text.lower() if name == "protocol" else text


def _values(document: Document) -> dict[str, dict[str, str]]:
    made: dict[str, dict[str, str]] = {}
    for name in document.keys:
        words = document.table(name)
        if not words.keys:
            raise document.mistake(name, "must have words, as {OK = 'success'}")
        made[name] = {}
        for word, value in words.keys.items():
            number = isinstance(value, int) and not isinstance(value, bool)
            text = str(value) if number or isinstance(value, str) else ""
            try:
                made[name][word.lower()] = _fitting(words, name, text)
            except ConfigError as e:
                raise words.mistake(word, e.message) from None
    return made


def _levels(words: Mapping[str, str]) -> dict[str, int]:
    return {word: LEVELS[text.lower()] for word, text in words.items()}


def _where(document: Document, groups: frozenset[str]) -> dict[str, tuple[str, ...]]:
    made = {name: document.texts(name) for name in document.keys}
    for name, wanted in made.items():
        if not wanted:
            raise document.mistake(name, "must be a text in quotes, or a list of them")
        if groups and name not in groups:
            raise document.mistake(name, f"no such group; there are: {', '.join(sorted(groups))}")
    return made


def _sample(document: Document) -> Sample:
    document.only({"line", "expect"})
    line = document.text("line")
    if line is None or "\n" in line:
        raise document.mistake("line", "must be a line in quotes")
    expect = document.table("expect")
    if not expect.keys:
        raise document.mistake("expect", "must say what comes out, as {host = 'web1'}")
    return Sample(line, {name: expected(expect, name) for name in expect.keys})


def expected(document: Document, name: str) -> object:
    """A value that a sample expects; None for an empty text: there must be nothing.

    Raises:
        ConfigError: it is no text, number, or time.

    """
    value = document.keys[name]
    if isinstance(value, datetime):
        value = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise document.mistake(name, "must be a text in quotes, a number, or a time in UTC")
    return None if value == "" else value
