"""A rule: what it watches, which events count, when they are too many, what it then says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress import schema

if TYPE_CHECKING:
    from sqlglot import exp

    from siemstress.rules.feeds import Feed, Windowed

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
FIELDS = "fields."
# The group of alerts whose rule groups by nothing, as JSON.
NO_GROUP = "{}"


@dataclass(frozen=True)
class GroupKey:
    """What events are grouped by: a column, or a field of the event, also as `fields.NAME`."""

    name: str

    @property
    def column(self) -> str:
        """The column that holds the value."""
        return "fields" if self.field is not None else self.name

    @property
    def field(self) -> str | None:
        """The field's name, of a key that is no column."""
        if self.name.startswith(FIELDS):
            return self.name.removeprefix(FIELDS)
        return None if self.name in schema.ALL else self.name


@dataclass(frozen=True)
class Window:
    """More than `limit` matching events of one group within `span` raise an alert.

    `condition` is over the columns of one event, in the house dialect; None: every event. With
    `then` the alert waits for an event of the group for which that holds, within the span too.
    """

    condition: exp.Expr | None
    group_by: tuple[GroupKey, ...]
    span: timedelta
    then: exp.Expr | None = None


@dataclass(frozen=True)
class Statement:
    """A query that is asked at every multiple of the rule's interval; its rows are counted.

    `now` in it is a placeholder. It looks back `lookback` from then. A new event can change its
    answer only if `touches` holds for it (None: any can).
    """

    query: exp.Query
    lookback: timedelta
    touches: exp.Expr | None


@dataclass(frozen=True)
class Rule:
    """One rule of a rule file.

    `tables` are watched together. `interval` is what the file says; alerts repeat it.
    """

    name: str
    file: Path
    tables: tuple[str, ...]
    match: Window | Statement | Windowed
    interval: timedelta
    limit: int
    out_table: str
    message: str
    severity: int | None = None
    magnitude: int | None = None
    id: str = ""
    tags: tuple[str, ...] = ()
    title: str = ""
    suppress: timedelta = timedelta(0)
    level: str = ""
    samples: object = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """What tells the rule from all others, however it may be called one day."""
        return self.id or self.name

    @cached_property
    def windowed(self) -> Windowed | None:
        """The windows that the rule is about; None where it is a query that is asked in time."""
        if isinstance(self.match, Statement):
            return None
        if not isinstance(self.match, Window):
            return self.match
        from siemstress.rules.limits import windowed

        return windowed(self, self.match)

    @cached_property
    def feeds(self) -> tuple[Feed, ...]:
        """All that the rule's windows are about."""
        from siemstress.rules.feeds import feeds_of

        return () if self.windowed is None else tuple(feeds_of(self.windowed))

    @property
    def group_names(self) -> tuple[str, ...]:
        """What the values of the rule's groups are called."""
        return () if self.windowed is None else self.windowed.group_by

    @cached_property
    def digest(self) -> str:
        """Names what the rule matches: it changes with the rule's meaning, not with its message."""
        return _digest(self)

    @cached_property
    def derived(self) -> Mapping[str, exp.Expr]:
        """Columns that must be worked out for the rule's query: whole lines, if it names them."""
        from sqlglot import exp

        if not isinstance(self.match, Statement):
            return {}
        if "raw" not in {c.name for c in self.match.query.find_all(exp.Column)}:
            return {}
        from siemstress.query.events import derived_columns

        return derived_columns()

    @property
    def member(self) -> str:
        """Names the rule among those whose windows were seen: it changes with its meaning."""
        return f"{self.key}#{self.digest}"

    def consumer(self, table: str, identity: str) -> str:
        """The name under which the rule's position in a table is kept.

        `identity` tells apart a table and another one that came in its place.
        """
        return f"siemtrigger:{self.name}#{self.digest}:{table}@{identity}"


def _digest(rule: Rule) -> str:
    if isinstance(rule.match, Statement):
        interval = rule.interval // MICROSECOND
        meaning: list[object] = ["statement", rule.match.query.sql("duckdb"), interval]
        meaning += [rule.limit, rule.tables]
        text = json.dumps(meaning)
    else:
        from siemstress.rules.feeds import meaning_of

        assert rule.windowed is not None  # noqa: S101 - it is no statement
        text = repr((meaning_of(rule.windowed), rule.tables))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def alert_id(rule: str, group_key: str, start: datetime) -> str:
    """The id of the alert that a rule raises for a group's episode (or a tick) starting then."""
    text = json.dumps([rule, group_key, since_epoch(start)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def since_epoch(moment: datetime) -> int:
    """A moment (UTC) in µs since 1970."""
    return (moment - EPOCH) // MICROSECOND


def clamped(microseconds: int) -> datetime:
    """The moment (µs since 1970), or the nearest that a date can hold."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.min if microseconds < 0 else datetime.max


def group_json(names: Sequence[str], values: Sequence[str]) -> str:
    """A group as alerts keep it: a JSON object of the names and their values."""
    return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)


def groupable(name: str) -> bool:
    """Whether events can be grouped by a column."""
    column = schema.ALL.get(name)
    return column is not None and column.kind not in ("binary", "map", "time") and name != "raw"
