"""Lines to events for tests, and events back to lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import duckdb
import numpy as np
import polars as pl

from siemstress.fields.events import EventBuilder, Origin
from siemstress.fields.tables import NUMBER_COLUMNS, TEXT_COLUMNS
from siemstress.formats.clock import Clock
from siemstress.formats.header import Header, Span
from siemstress.formats.layout import raw_expression
from siemstress.ingest.parsing import LineParser
from siemstress.sources.lines import of_bytes


def moment(text: str) -> int:
    """A time in UTC, written in ISO 8601, in µs since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


CLOCK = Clock(moment("2017-12-31T23:00:00"))


@cache
def _parser(name: str) -> LineParser:
    return LineParser(name)


def parsed(data: bytes, parser: str = "auto", clock: Clock = CLOCK) -> pl.DataFrame:
    """The events of some lines, in the order of the lines."""
    return _parser(parser).parse(of_bytes(data), clock, "/log", 1).events.sort("id")


def event(line: str, parser: str = "auto", clock: Clock = CLOCK) -> dict[str, Any]:
    """The event of one line, its fields as a dictionary."""
    return plain(parsed(line.encode(), parser, clock).row(0, named=True))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose `fields` is a dictionary."""
    return {**row, "fields": dict(row["fields"] or {})}


_TEXT = raw_expression().sql("duckdb")
WRITTEN_AGAIN = f'coalesce("raw_bytes", encode({_TEXT}))'
"""The bytes of a line, from the columns of its event, in DuckDB's SQL."""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def written_again(events: pl.DataFrame) -> list[bytes]:
    """The lines that events are of, in the order of their ids, as DuckDB puts them together."""
    _database().register("events", events.to_arrow())
    query = f"select {WRITTEN_AGAIN} from events order by id"  # noqa: S608  # of our own making
    return [bytes(line) for (line,) in _database().execute(query).fetchall()]


def messages(
    texts: Sequence[str], builder: EventBuilder, program: str
) -> list[dict[str, str | int]]:
    """What a builder's tables make of messages: the columns and fields that they fill."""
    lines = of_bytes("".join(f"{text}\n" for text in texts).encode())
    count = len(lines)
    header = Header(
        lines=lines,
        format="",
        message=Span(lines.starts, lines.ends - lines.starts),
        time=np.zeros(count, np.int64),
        zone=np.zeros(count, np.int16),
        program=program,
    )
    events = builder.build(header, np.arange(count), Origin(0, 0, None, "here")).sort("id")
    columns = [*TEXT_COLUMNS, *NUMBER_COLUMNS]
    return [
        {name: row[name] for name in columns if row[name] is not None} | plain(row)["fields"]
        for row in events.iter_rows(named=True)
    ]
