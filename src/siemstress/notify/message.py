"""What is told of an alert: the same for all receivers, each of whom writes it in its own way."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from siemstress.notify.texts import one_line
from siemstress.query.filters import SEVERITIES

OPEN, SUMMARY, TEST = "open", "summary", "test"
UNSAID = 5
"""The severity of alerts whose rule names none: notice."""

# What a row of an alert has that a message has under another name, or nobody wants.
_RENAMED = {
    "source_rule": "rule", "event_count": "events", "source_table": "tables",
    "event_limit": "limit", "group_key": "group",
}  # fmt: skip
_LEFT_OUT = frozenset(
    {"id", "received", "parsed", "parsed_on", "format", "raw", "raw_bytes", "zone", "ongoing"}
)
_AS_JSON = frozenset({"group_key", "tags", "source_ids", "supersedes"})
_LISTED = 10


@dataclass(frozen=True)
class Message:
    """Something that somebody is told.

    `id` is the same however often it is sent. `what` is `open`, `superseded` or another change of
    an alert, `summary` or `test`. `title` is one line, `lines` say more, `facts` are names with
    values; all three are safe to show. `values` are what templates may hold, as JSON has them and
    just as they are in the alert.
    """

    id: str
    what: str
    severity: int
    title: str
    lines: Sequence[str]
    facts: Sequence[tuple[str, str]]
    values: Mapping[str, Any]

    @property
    def level(self) -> str:
        """The severity's name."""
        return SEVERITIES[self.severity]


def message_id(notifier: str, about: int) -> str:
    """The id of what a notifier is told about a row."""
    return hashlib.sha256(f"{notifier}:{about}".encode()).hexdigest()[:32]


def of_alert(
    id: str, what: str, row: Mapping[str, Any], change: Mapping[str, Any] | None = None
) -> Message:
    """The message about an alert's row; `change` is what the log of alerts says became of it."""
    values = alert_values(row)
    severity = values["severity"]
    values |= {"id": id, "what": what, "level": SEVERITIES[severity]}
    text = one_line(values.get("message") or values.get("rule") or "alert")
    lines: list[str] = []
    if change is not None:
        told = {n: plain(change.get(n)) for n in ("note", "verdict", "assignee", "user_name")}
        values["change"] = {name: value for name, value in told.items() if value is not None}
        values["last_time"] = plain(change.get("last_time")) or values.get("last_time")
        values["events"] = change.get("event_count") or values.get("events")
        lines = [f"{name}: {one_line(value)}" for name, value in values["change"].items()]
    title = text if what == OPEN else f"{what}: {text}"
    return Message(id, what, severity, title, lines, _facts(values), values)


def of_many(id: str, count: int, rows: Sequence[Mapping[str, Any]]) -> Message:
    """The message that sums up `count` alerts, some of whose rows are given."""
    found = [alert_values(row) for row in rows]
    found.sort(key=lambda v: (v["severity"], v.get("time") or ""))
    severity = found[0]["severity"] if found else UNSAID
    rules = Counter(one_line(v.get("rule") or "", 200) for v in found)
    counted = [{"rule": rule, "count": number} for rule, number in rules.most_common()]
    lines = [
        f"{number} × {rule}" if rule else f"{number} more" for rule, number in rules.most_common(30)
    ]
    lines += [
        f"[{SEVERITIES[v['severity']]}] {one_line(v.get('message') or '', 300)}"
        for v in found[:_LISTED]
    ]
    title = f"{count} more alerts"
    values = {
        "id": id, "what": SUMMARY, "severity": severity, "level": SEVERITIES[severity],
        "message": title, "count": count, "rules": counted,
        "alerts": [v["alert_id"] for v in found if v.get("alert_id")], "tags": [],
    }  # fmt: skip
    return Message(id, SUMMARY, severity, title, lines, (), values)


def of_test(notifier: str) -> Message:
    """A message that says that it is only a test."""
    now = datetime.now(UTC).replace(tzinfo=None)
    row = {
        "alert_id": hashlib.sha256(f"{notifier}{now}".encode()).hexdigest()[:32],
        "source_rule": "test", "severity": 6, "magnitude": 1, "event_count": 1,
        "time": now, "first_time": now, "last_time": now, "source_host": "192.0.2.1",
        "group_key": '{"source_host": "192.0.2.1"}', "tags": "[]",
        "message": f"This is only a test of siemstress ({notifier})",
    }  # fmt: skip
    return of_alert(str(row["alert_id"]), TEST, row)


def alert_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an alert's row says, as JSON has it, without what it does not say."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None or name in _LEFT_OUT:
            continue
        known = _parsed(value) if name in _AS_JSON else value
        found[_RENAMED.get(name, name)] = plain(known)
    severity = row.get("severity")
    found["severity"] = severity if isinstance(severity, int) and 0 <= severity < 8 else UNSAID
    found.setdefault("tags", [])
    found.setdefault("group", {})
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it: times with a Z, maps as objects."""
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list) and value and all(isinstance(v, tuple) for v in value):
        return dict(value)
    return value


def _facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    group = values.get("group")
    facts = [("rule", values.get("rule")), ("severity", values.get("level"))]
    facts += list(group.items()) if isinstance(group, dict) else []
    facts += [("events", values.get("events")), ("first", values.get("first_time"))]
    facts += [("last", values.get("last_time"))]
    tags = values.get("tags")
    facts += [("tags", ", ".join(map(str, tags)) if isinstance(tags, list) else None)]
    facts += [("alert", values.get("alert_id"))]
    return [(one_line(n, 60), one_line(v, 300)) for n, v in facts if v not in (None, "")]


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
