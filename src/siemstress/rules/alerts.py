"""Alerts as rows: events of a table of their own, with what raised them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from siemstress import schema
from siemstress.rules.model import NO_GROUP, GroupKey, Rule, alert_id, group_json
from siemstress.rules.ticks import Answer

if TYPE_CHECKING:
    import polars as pl

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
MESSAGE_NAMES = frozenset({"count", "limit", "interval", "rule"})
# Columns that say something about the alert itself, whatever its rule groups by.
_OWN = frozenset({"id", "message", "process", "pid", "severity", "format", "parsed", "parsed_on"})
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Episode:
    """Of a group a run of moments at which a rule's condition was met, from `start` to `last`.

    `opened` is the time of the first of the `events` behind it; `ids` are their first thousand.
    `ongoing` says, where it is known, whether it goes on.
    """

    group: tuple[str, ...]
    start: datetime
    last: datetime
    opened: datetime
    events: int
    ids: str
    ongoing: bool | None = None


@dataclass(frozen=True)
class Alert:
    """An alert that is about to be stored. `first` is None where no one event came first.

    `supersedes` are the ids of stored alerts whose place it takes; `ongoing` says whether it goes
    on, None: that depends on when it is looked at.
    """

    rule: Rule
    id: str
    group: tuple[str, ...]
    group_key: str
    time: datetime
    first: datetime | None
    last: datetime
    events: int
    ids: str
    message: str
    supersedes: tuple[str, ...] = ()
    ongoing: bool | None = None


def of_episode(rule: Rule, episode: Episode) -> Alert:
    """The alert that an episode of a rule on windows raises."""
    names = rule.group_names
    key = group_json(names, episode.group)
    return Alert(
        rule=rule,
        id=alert_id(rule.key, key, episode.start),
        group=episode.group,
        group_key=key,
        time=episode.start,
        first=episode.opened,
        last=episode.last,
        events=episode.events,
        ids=episode.ids,
        message=_message(rule, names, episode.group, episode.events),
        ongoing=episode.ongoing,
    )


def of_answer(rule: Rule, answer: Answer) -> Alert:
    """The alert that a query over its limit raises."""
    return Alert(
        rule=rule,
        id=alert_id(rule.key, NO_GROUP, answer.tick),
        group=(),
        group_key=NO_GROUP,
        time=answer.latest,
        first=None,
        last=answer.latest,
        events=answer.events,
        ids=answer.ids,
        message=_message(rule, (), (), answer.events),
    )


def frame(alerts: Sequence[Alert], first_id: int) -> pl.DataFrame:
    """The rows to store, with ids counting up from `first_id`."""
    import polars as pl

    received = datetime.now(UTC).replace(tzinfo=None)
    machine = socket.gethostname()
    rows = [
        {**_row(alert), "id": first_id + n, "received": received, "parsed_on": machine}
        for n, alert in enumerate(alerts)
    ]
    columns = schema.polars_schema((*schema.EVENT, *schema.ALERT))
    series = [pl.Series(c, [row.get(c) for row in rows], t) for c, t in columns.items()]
    return pl.DataFrame(series)


def _row(alert: Alert) -> dict[str, Any]:
    rule = alert.rule
    minutes = rule.interval / timedelta(minutes=1)
    return {
        **_group_columns(rule, alert.group),
        "time": alert.time,
        "zone": "+00:00",
        "process": "siemtrigger",
        "severity": rule.severity,
        "message": alert.message,
        "format": "alert",
        "parsed": True,
        "alert_id": alert.id,
        "source_rule": rule.name,
        "source_table": ", ".join(rule.tables),
        "event_limit": min(rule.limit, _INT32_MAX),
        "event_count": min(alert.events, _INT32_MAX),
        # Whole minutes, as the column is defined; what is shorter is not nothing.
        "event_interval": min(max(1, round(minutes)), _INT32_MAX),
        "group_key": alert.group_key,
        "first_time": alert.first,
        "last_time": alert.last,
        "source_ids": f"[{alert.ids}]",
        "magnitude": rule.magnitude,
        "rule_id": rule.id or None,
        "tags": json.dumps(rule.tags) if rule.tags else None,
        "supersedes": json.dumps(alert.supersedes) if alert.supersedes else None,
        "ongoing": bool(alert.ongoing),
    }


def _group_columns(rule: Rule, group: Sequence[str]) -> dict[str, Any]:
    """The group's values in the columns and fields that they came from."""
    found: dict[str, Any] = {}
    fields: dict[str, str] = {}
    for key, value in zip(map(GroupKey, rule.group_names), group, strict=True):
        if key.field is not None:
            fields[key.field] = value
        elif key.name not in _OWN and key.name in {c.name for c in schema.EVENT}:
            if not schema.ALL[key.name].kind.startswith("int"):
                found[key.name] = value
            elif value.isdecimal():
                found[key.name] = min(int(value), _INT32_MAX)
    return {**found, "fields": fields} if fields else found


def _message(rule: Rule, names: Sequence[str], group: Sequence[str], events: int) -> str:
    values: dict[str, str] = {
        "count": str(events),
        "limit": str(rule.limit),
        "interval": spelled(rule.interval),
        "rule": rule.name,
    }
    values |= dict(zip(names, group, strict=True))
    if rule.message:
        return filled(rule.message, values)
    of = " ".join(f"{name}={values[name]}" for name in names)
    if rule.title:
        return f"{rule.title}: {of}" if of else rule.title
    found = f"{events} events in {values['interval']}, more than {rule.limit}"
    return f"{rule.name}: {found}{f': {of}' if of else ''}"


def filled(message: str, values: Mapping[str, str]) -> str:
    """The message with each `{name}` that has a value replaced by it; others stay."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), message)


def spelled(interval: timedelta) -> str:
    """An interval in the largest unit that it is a whole number of: `10m`."""
    seconds = interval / timedelta(seconds=1)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"
