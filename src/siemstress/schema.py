"""The event: every column, once.

Docs, table definitions, query flags and the names of other vocabularies (the original's, ECS)
are derived from this module. Times are microseconds in UTC, stored without a zone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")

Kind = Literal["int64", "int32", "int8", "time", "text", "binary", "bool", "map"]


@dataclass(frozen=True)
class Column:
    """One column of the event.

    `flag` is the siemquery flag that filters on it (without dashes), `ecs` its name in the
    Elastic Common Schema, `old` the names that the original siemstress gave it.
    """

    name: str
    kind: Kind
    meaning: str
    flag: str | None = None
    ecs: str | None = None
    old: tuple[str, ...] = ()


EVENT: tuple[Column, ...] = (
    Column(
        "id",
        "int64",
        "unique number of the event, roughly in order of arrival",
        "id",
        "event.id",
        ("Id",),
    ),
    Column(
        "time",
        "time",
        "when it happened, by the line's own stamp, in UTC",
        "last",
        "@timestamp",
        ("DateStamp", "date_stamp"),
    ),
    Column("received", "time", "when siemparse read the line, in UTC", None, "event.ingested"),
    Column(
        "zone",
        "text",
        "UTC offset of the stamp, as read or assumed (`+05:00`)",
        None,
        "event.timezone",
        ("TZone", "t_zone"),
    ),
    Column(
        "host",
        "text",
        "machine that logged it",
        "shost",
        "host.name",
        ("SourceHost", "source_host_name"),
    ),
    Column(
        "process",
        "text",
        "program that logged it",
        "process",
        "process.name",
        ("Process", "source_process"),
    ),
    Column("pid", "int32", "its process number", "pid", "process.pid", ("PID", "source_pid")),
    Column(
        "facility",
        "text",
        "syslog facility by name (`auth`)",
        "facility",
        "log.syslog.facility.name",
        ("Facility",),
    ),
    Column(
        "severity",
        "int8",
        "syslog severity, 0 (worst) to 7",
        "severity",
        "log.syslog.severity.code",
        ("Severity",),
    ),
    Column("source_host", "text", "address or name that acted", "shost", "source.address"),
    Column("source_port", "int32", "its port", "sport", "source.port", ("SourcePort",)),
    Column(
        "dest_host",
        "text",
        "address or name acted upon",
        "dhost",
        "destination.address",
        ("DestHost",),
    ),
    Column("dest_port", "int32", "its port", "dport", "destination.port", ("DestPort",)),
    Column(
        "protocol",
        "text",
        "network protocol, in lower case",
        "protocol",
        "network.transport",
        ("Protocol",),
    ),
    Column("user_name", "text", "account acting or acted on", "user", "user.name"),
    Column("action", "text", "what happened (`login`)", "action", "event.action"),
    Column("outcome", "text", "`success` or `failure`", "outcome", "event.outcome"),
    Column("message", "text", "the text after the header", "grep", "message", ("Message",)),
    Column(
        "raw",
        "text",
        "the whole line; null where it can be rebuilt",
        None,
        "event.original",
        ("raw_text", "RawText"),
    ),
    Column("raw_bytes", "binary", "the line's bytes, only where they are not valid UTF-8"),
    Column(
        "fields",
        "map",
        "all else that was found in the message, by name",
        "field",
        None,
        ("Extended", "extended"),
    ),
    Column("format", "text", "log format that read the line"),
    Column("parsed", "bool", "false where no format could read the line", "unparsed"),
    Column(
        "source_path",
        "text",
        "file or peer that it came from",
        None,
        "log.file.path",
        ("source_path",),
    ),
    Column(
        "parsed_on",
        "text",
        "machine that siemparse ran on",
        None,
        "observer.name",
        ("ParsedOn", "parsed_on"),
    ),
)

# What an alert has beside the event's columns.
ALERT: tuple[Column, ...] = (
    Column("alert_id", "text", "same rule, group and start give the same alert id"),
    Column(
        "source_rule",
        "text",
        "rule that raised it",
        None,
        "rule.name",
        ("SourceRule", "source_rule"),
    ),
    Column(
        "source_table",
        "text",
        "table that the rule watches",
        None,
        None,
        ("SourceTable", "source_table"),
    ),
    Column("event_limit", "int32", "the rule's limit", None, None, ("EventLimit", "event_limit")),
    Column("event_count", "int32", "events counted", None, None, ("EventCount", "event_count")),
    Column(
        "event_interval",
        "int32",
        "the rule's interval, in minutes",
        None,
        None,
        ("TimeInt", "time_int"),
    ),
    Column("group_key", "text", "the group's values, as a JSON object"),
    Column("first_time", "time", "the first event's time"),
    Column("last_time", "time", "the last event's time"),
    Column(
        "source_ids",
        "text",
        "ids of the events, as a JSON array",
        None,
        None,
        ("SourceIDs", "source_ids"),
    ),
    Column(
        "magnitude",
        "int32",
        "weight of the alert, larger is worse",
        None,
        None,
        ("Magnitude", "magnitude"),
    ),
    Column("rule_id", "text", "id of the rule, of Sigma's the UUID", None, "rule.uuid"),
    Column("tags", "text", "the rule's tags (`attack.t1110`), as a JSON array", None, "tags"),
    Column(
        "supersedes",
        "text",
        "ids of earlier alerts whose place this one takes, as a JSON array",
    ),
    Column("ongoing", "bool", "whether it may have gone on when the alert opened"),
)

ALL: Mapping[str, Column] = {c.name: c for c in (*EVENT, *ALERT)}

# The original also wrote of these; they have no column of their own here.
_OLD_ALIASES = {"rawstamp": "time", "raw_stamp": "time", "source_host": "source_host"}


@cache
def _spellings() -> dict[str, str]:
    names = {old.lower(): c.name for c in ALL.values() for old in c.old}
    names |= _OLD_ALIASES
    names |= {name: name for name in ALL}
    names |= {"sourcehost": "host", "user": "user_name"}
    return names


def column_name(spelling: str) -> str | None:
    """Our name of a column written in our, the later or the first spelling; None if unknown."""
    return _spellings().get(spelling.strip().lower())


def polars_type(kind: Kind) -> pl.DataType:
    """The Polars type that holds a kind of column."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        "int64": pl.Int64(),
        "int32": pl.Int32(),
        "int8": pl.Int8(),
        "time": pl.Datetime("us"),
        "text": pl.String(),
        "binary": pl.Binary(),
        "bool": pl.Boolean(),
        "map": pl.Map(pl.String(), pl.String()),
    }
    return types[kind]


def polars_schema(columns: tuple[Column, ...] = EVENT) -> dict[str, pl.DataType]:
    """Column names and Polars types, in the schema's order."""
    return {c.name: polars_type(c.kind) for c in columns}


def is_table_name(name: str) -> bool:
    """Whether a table can be called so: letters, digits and `_` only, and at most 64 of them."""
    return _TABLE_NAME.match(name) is not None
