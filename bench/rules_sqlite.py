"""The way that one query a rule goes: events in a table of SQLite, with a column for each field."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

import polars as pl

from siemstress.rules.sigma.condition import (
    Absent,
    All,
    Any,
    Atom,
    Condition,
    Not,
    Regex,
    Text,
    Wild,
)
from siemstress.rules.sigma.evaluate import TEXT
from siemstress.rules.sigma.values import Batch

_SPECIAL = re.compile(r"([%_\\])")


def in_sql(condition: Condition, columns: Mapping[str, str]) -> str | None:
    """A condition as SQLite says it; None: it does not."""
    match condition:
        case All(parts) | Any(parts):
            inner = [in_sql(part, columns) for part in parts]
            word = " AND " if isinstance(condition, All) else " OR "
            known = [f"({part})" for part in inner if part is not None]
            return word.join(known) if known and len(known) == len(inner) else None
        case Not(part):
            one = in_sql(part, columns)
            return None if one is None else f"NOT coalesce({one}, 0)"
        case Atom(field, Text(parts, cased=False)):
            like = "".join(
                _SPECIAL.sub(r"\\\1", p) if isinstance(p, str) else _WILD[p] for p in parts
            )
            return f"{columns[field or TEXT]} LIKE {_quoted(like)} ESCAPE '\\'"
        case Atom(field, Regex() as test):
            return f"{columns[field or TEXT]} REGEXP {_quoted(test.expression)}"
        case Atom(field, Absent()):
            return f"coalesce({columns[field or TEXT]}, '') = ''"
    return None


_WILD = {Wild.ANY: "%", Wild.ONE: "_"}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def seconds(
    frame: pl.DataFrame, fields: Sequence[str], conditions: Sequence[Condition]
) -> tuple[float, dict[int, int]]:
    """The CPU seconds of one query for each rule, and how many rows each one found."""
    columns = {field: f"c{number}" for number, field in enumerate(fields)}
    batch = Batch(frame, fields)
    held = {name: [None] * batch.count for name in columns.values()}
    for field, name in columns.items():
        column = batch.column(field)
        texts = column.distinct.gather(pl.Series(column.codes)).to_list()
        for row, text in zip(column.rows.tolist(), texts, strict=True):
            held[name][row] = text
    database = sqlite3.connect(":memory:")
    database.create_function("REGEXP", 2, _found, deterministic=True)
    database.execute(f"CREATE TABLE events ({', '.join(held)})")
    marks = ", ".join("?" * len(held))
    database.executemany(f"INSERT INTO events VALUES ({marks})", zip(*held.values(), strict=True))
    found: dict[int, int] = {}
    before = time.process_time()
    for number, condition in enumerate(conditions):
        where = in_sql(condition, columns)
        if where is not None:
            query = f"SELECT count(*) FROM (SELECT * FROM events WHERE {where})"
            with suppress(sqlite3.OperationalError):  # Some rules are too long for it.
                found[number] = database.execute(query).fetchone()[0]
    return time.process_time() - before, found


def _found(pattern: str, text: str | None) -> bool:
    return text is not None and _made(pattern).search(text) is not None


@lru_cache(maxsize=4096)
def _made(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
