"""A rule: what it watches, which events count, when they are too many, what it then says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress import schema

if TYPE_CHECKING:
    from sqlglot import exp

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
FIELDS = "fields."
# The group of alerts whose rule groups by nothing, as JSON.
NO_GROUP = "{}"


@dataclass(frozen=True)
class GroupKey:
    """What events are grouped by: a column, or with `fields.NAME` a field of the event."""

    name: str

    @property
    def column(self) -> str:
        """The column that holds the value."""
        return "fields" if self.field is not None else self.name

    @property
    def field(self) -> str | None:
        """The field's name, of a key `fields.NAME`."""
        return self.name.removeprefix(FIELDS) if self.name.startswith(FIELDS) else None


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

    @property
    def either(self) -> exp.Expr | None:
        """What holds for every event that the window is about; None: every event."""
        if self.then is None or self.condition is None:
            return self.condition
        from sqlglot import exp

        return exp.or_(self.condition, self.then)


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
    match: Window | Statement
    interval: timedelta
    limit: int
    out_table: str
    message: str
    severity: int | None = None
    magnitude: int | None = None
    id: str = ""
    tags: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Names what the rule matches: it changes with the rule's meaning, not with its message."""
        return _digest(self)

    @cached_property
    def derived(self) -> Mapping[str, exp.Expr]:
        """Columns that must be worked out for the rule: whole lines, if it speaks of them."""
        from sqlglot import exp

        match = self.match
        whole = [match.query] if isinstance(match, Statement) else [match.condition, match.then]
        named = {c.name for part in whole if part is not None for c in part.find_all(exp.Column)}
        if "raw" not in named:
            return {}
        from siemstress.query.events import derived_columns

        return derived_columns()

    def consumer(self, table: str, identity: str) -> str:
        """The name under which the rule's position in a table is kept.

        `identity` tells apart a table and another one that came in its place.
        """
        return f"siemtrigger:{self.name}#{self.digest}:{table}@{identity}"


def _digest(rule: Rule) -> str:
    match = rule.match
    if isinstance(match, Window):
        conditions = [c.sql("duckdb") if c else "" for c in (match.condition, match.then)]
        span = match.span // MICROSECOND
        meaning: list[object] = ["window", conditions, [k.name for k in match.group_by], span]
    else:
        meaning = ["statement", match.query.sql("duckdb"), rule.interval // MICROSECOND]
    text = json.dumps([*meaning, rule.limit, rule.tables])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def alert_id(rule: str, group_key: str, start: datetime) -> str:
    """The id of the alert that a rule raises for a group's episode (or a tick) starting then."""
    text = json.dumps([rule, group_key, (start - EPOCH) // MICROSECOND])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def group_json(keys: Sequence[GroupKey], values: Sequence[str]) -> str:
    """A group as alerts keep it: a JSON object of the keys and their values."""
    pairs = zip((k.name for k in keys), values, strict=True)
    return json.dumps(dict(pairs), ensure_ascii=False)


def groupable(name: str) -> bool:
    """Whether events can be grouped by a column."""
    column = schema.ALL.get(name)
    return column is not None and column.kind not in ("binary", "map", "time") and name != "raw"
