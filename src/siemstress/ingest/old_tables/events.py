"""Rows of the original's tables to events and alerts of ours.

What has a column here goes there if it has the right type; all else goes to `fields` under the
name that the later releases gave it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from siemstress.fields.maps import maps
from siemstress.formats.syslog import FACILITIES
from siemstress.ingest.old_tables.database import MOMENT, OldTable, folded
from siemstress.ingest.old_tables.lines import with_lines
from siemstress.ingest.old_tables.times import Times, times_of
from siemstress.schema import ALERT, EVENT, polars_schema

FORMAT = "old"

# Columns of ours by the original's names, folded, and the name of what does not fit there.
_TEXTS: Mapping[str, str] = {
    "process": "process",
    "sourceprocess": "process",
    "desthost": "dest_host",
    "protocol": "protocol",
    "message": "message",
    "parsedon": "parsed_on",
    "sourcepath": "source_path",
}
_NUMBERS: Mapping[str, str] = {
    "pid": "pid",
    "sourcepid": "pid",
    "sourceport": "source_port",
    "destport": "dest_port",
}
_ALERT_TEXTS: Mapping[str, str] = {"sourcerule": "source_rule", "sourcetable": "source_table"}
_ALERT_NUMBERS: Mapping[str, str] = {
    "eventlimit": "event_limit",
    "eventcount": "event_count",
    "timeint": "event_interval",
    "eventint": "event_interval",
    "magnitude": "magnitude",
}
# Names for fields, of columns that have no place of their own here.
_FIELD_NAMES: Mapping[str, str] = {
    "id": "old_id",
    "sourceids": "old_source_ids",
    "rawstamp": "raw_stamp",
}
# Worked into columns of ours, by one way or another.
_WORKED = frozenset({"datestamp", "datestamputc", "datestampint", "fdatestamp", "tzone"})
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_MORE_SEVERITIES = {"panic": 0, "emergency": 0, "critical": 2, "error": 3, "warn": 4}
_NOTHING = pl.DataFrame(schema={"row": pl.Int64, "key": pl.String, "value": pl.String})


@dataclass
class _Row:
    """The columns of the events under way, and what is left for their fields."""

    columns: dict[str, pl.Series]
    fields: list[tuple[str, pl.Series]]

    def number(self, name: str, text: pl.Series, dtype: pl.DataType) -> None:
        """Put numbers into a column, and what is none into the fields."""
        values = text.str.strip_chars().cast(dtype, strict=False)
        self.columns[name] = values
        self.left(name, text, values)

    def left(self, name: str, text: pl.Series, values: pl.Series) -> None:
        """Put what is not among the values into the fields."""
        lost = text.set(values.is_not_null(), None)
        if lost.null_count() < len(lost):
            self.fields.append((name, lost))


def events_of(
    rows: pl.DataFrame, table: OldTable, first_id: int, now: datetime, zone: str | int | None
) -> pl.DataFrame:
    """The events, or alerts, of some rows, in their order, with ids from `first_id` on.

    `rows` are texts, as `OldDatabase.chunk` gives them. `zone` is that of stamps whose time in
    UTC is not stored, whatever offset is stored with them.
    """
    given, moments = by_name(rows)
    times = times_of(given, moments, len(rows), now, zone)
    is_alert = table.kind == "alerts"
    row = _Row(
        {
            "id": pl.Series(range(first_id, first_id + len(rows)), dtype=pl.Int64),
            "time": times.time,
            "received": times.received,
            "zone": times.zone,
        },
        [],
    )
    _fill(row, given, is_alert=is_alert)
    _add_left_over(row, rows, times, is_alert=is_alert)
    row.columns["fields"] = _fields(row.fields, given.get("extended"), len(rows))
    if is_alert:
        row.columns["alert_id"] = pl.Series([f"old-{table.base}-"]) + given["id"]
    return with_lines(_frame(row.columns, len(rows), is_alert=is_alert))


def by_name(rows: pl.DataFrame) -> tuple[dict[str, pl.Series], dict[str, pl.Series]]:
    """The columns of some rows by their folded names, and the moments of those that have any."""
    given = {folded(n): rows[n] for n in rows.columns if not n.startswith(MOMENT)}
    moments = {
        folded(n.removeprefix(MOMENT)): rows[n] for n in rows.columns if n.startswith(MOMENT)
    }
    return given, moments


def _fill(row: _Row, given: Mapping[str, pl.Series], *, is_alert: bool) -> None:
    """Fill the columns that have a counterpart."""
    texts = {**_TEXTS, **_ALERT_TEXTS} if is_alert else _TEXTS
    numbers = {**_NUMBERS, **_ALERT_NUMBERS} if is_alert else _NUMBERS
    for name, column in texts.items():
        if name in given:
            row.columns[column] = given[name] if column == "message" else _filled(given[name])
    for name, column in numbers.items():
        if name in given:
            row.number(column, _filled(given[name]), pl.Int32())
    if "protocol" in row.columns:
        row.columns["protocol"] = row.columns["protocol"].str.to_lowercase()
    if "facility" in given:
        _facility(row, _filled(given["facility"]))
    if "severity" in given:
        _severity(row, _filled(given["severity"]))
    if "rawtext" in given:
        row.columns["raw"] = _filled(given["rawtext"])
    if "sourcehost" in given:
        _hosts(row, _filled(given["sourcehost"]))


def _facility(row: _Row, text: pl.Series) -> None:
    """Names, of numbers too; a number that is none of syslog's is left to the fields."""
    number = text.str.strip_chars().cast(pl.Int32, strict=False)
    is_known = (number >= 0) & (number < len(FACILITIES))
    names = pl.Series(FACILITIES).gather(number.set(~is_known, None).cast(pl.UInt32))
    word = text.str.strip_chars().str.to_lowercase().set(number.is_not_null(), None)
    row.columns["facility"] = names.zip_with(names.is_not_null(), word)
    row.left("facility", text, row.columns["facility"])


def _severity(row: _Row, text: pl.Series) -> None:
    """Numbers from 0 to 7, of syslog's names too; anything else is left to the fields."""
    numbers = {**{name: n for n, name in enumerate(_SEVERITIES)}, **_MORE_SEVERITIES}
    numbers |= {str(n): n for n in range(8)}
    plain = text.str.strip_chars().str.to_lowercase()
    values = plain.replace_strict(numbers, default=None, return_dtype=pl.Int8)
    row.columns["severity"] = values
    row.left("severity", text, values)


def _hosts(row: _Row, host: pl.Series) -> None:
    """The original's source host is the machine that logged, unless the line was of a connection.

    Where there is a port, or another end, it is the one that acted.
    """
    ends = [row.columns[c] for c in ("source_port", "dest_host", "dest_port") if c in row.columns]
    acted = pl.repeat(value=False, n=len(host), eager=True, dtype=pl.Boolean)
    for end in ends:
        acted |= end.is_not_null()
    row.columns["source_host"] = host.set(~acted, None)
    row.columns["host"] = host.set(acted, None)


def _add_left_over(row: _Row, rows: pl.DataFrame, times: Times, *, is_alert: bool) -> None:
    """Put into the fields what has no column."""
    known = {*_TEXTS, *_NUMBERS, *_WORKED, "facility", "severity", "rawtext", "sourcehost"}
    known |= {"extended", "parsedat"}
    if is_alert:
        known |= {*_ALERT_TEXTS, *_ALERT_NUMBERS}
    for name in rows.columns:
        if not name.startswith(MOMENT) and folded(name) not in known:
            text = _filled(rows[name])
            row.fields.append((_FIELD_NAMES.get(folded(name), name), text))
    if times.unread is not None:
        row.fields.append(("date_stamp", times.unread))
    if is_alert:
        row.columns["process"] = pl.repeat("siemtrigger", len(rows), eager=True)
        row.columns["last_time"] = times.time


def _filled(text: pl.Series) -> pl.Series:
    """Texts, null in place of the empty ones."""
    return text.set(text == "", None)


def _fields(
    entries: list[tuple[str, pl.Series]], extended: pl.Series | None, count: int
) -> pl.Series:
    """The map of each row, of the entries that are not null."""
    texts: dict[str, pl.Series] = {}
    for key, value in entries:
        before = texts.get(key)
        texts[key] = value if before is None else before.zip_with(before.is_not_null(), value)
    numbers = pl.int_range(count, eager=True)
    parts = [_NOTHING]
    for key, value in texts.items():
        part = pl.DataFrame({"row": numbers, "value": value}).drop_nulls()
        parts.append(part.select("row", pl.lit(key).alias("key"), "value"))
    if extended is not None and extended.null_count() < count:
        parts.append(_extended(_filled(extended), numbers, set(texts)))
    return maps(pl.concat(parts), count)


def _extended(texts: pl.Series, numbers: pl.Series, taken: set[str]) -> pl.DataFrame:
    """Entries of the JSON objects that the original's helpers filled."""
    # Most are the same, since most find nothing.
    distinct = texts.unique().drop_nulls()
    found = [(text, key, value) for text in distinct for key, value in _of_json(text, taken)]
    schema = {"text": pl.String, "key": pl.String, "value": pl.String}
    read = pl.DataFrame(found, schema=schema, orient="row")
    rows = pl.DataFrame({"row": numbers, "text": texts}).drop_nulls()
    return rows.join(read, on="text", maintain_order="left_right").select("row", "key", "value")


def _of_json(text: str, taken: set[str]) -> Iterable[tuple[str, str]]:
    """Variables and values; of several different ones a JSON array. Nothing where it has none."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        return [("extended", text)]
    found: dict[str, str] = {}
    for name, value in read.items():
        values = value if isinstance(value, list) else [value]
        texts = list(dict.fromkeys(_as_text(v) for v in values if v not in (None, "")))
        if texts and name:
            key = _as_text(name)
            while key in taken:
                key = f"extended_{key}"
            found[key] = texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)
    return found.items()


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def _frame(columns: Mapping[str, pl.Series], count: int, *, is_alert: bool) -> pl.DataFrame:
    types = polars_schema((*EVENT, *ALERT) if is_alert else EVENT)
    constants = {"format": pl.lit(FORMAT), "parsed": pl.lit(value=True)}
    exprs = [
        (pl.lit(columns[name]) if name in columns else constants.get(name, pl.lit(None)))
        .cast(dtype)
        .alias(name)
        for name, dtype in types.items()
    ]
    return pl.DataFrame({"_": pl.repeat(0, count, dtype=pl.Int8, eager=True)}).select(exprs)
