"""Alerts by the beginnings of their ids, their history, and the events behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlglot import exp

from siemstress.errors import QueryError
from siemstress.query.conditions import column
from siemstress.query.events import Events
from siemstress.query.filters import Filter
from siemstress.rules.alert_heirs import ancestors, heirs
from siemstress.rules.alert_states import Wanted, in_texts, states, tables_of
from siemstress.rules.tables import ALERT_LOG
from siemstress.store.base import Scan, Store, rows

_LONGEST = 100
_NAMED = 5
_AT_ONCE = 500
_T = TypeVar("_T")


def resolved(store: Store, beginnings: Sequence[str]) -> list[str]:
    """The ids of the alerts that are meant, each once; heirs in the place of what they superseded.

    Raises:
        QueryError: a beginning is that of no alert, or of several.

    """
    beginnings = list(dict.fromkeys(text.strip().lower() for text in beginnings))
    for text in beginnings:
        if not text or len(text) > _LONGEST:
            raise QueryError(f"there is no alert {text[:40]!r}")
    found = sorted(_beginning(store, beginnings))
    heir_of = _heirs(store, found)
    ids: dict[str, None] = {}
    for text in beginnings:
        meant = [alert for alert in found if alert.lower().startswith(text)]
        exact = [alert for alert in meant if alert.lower() == text]
        last = list(dict.fromkeys(_last(alert, heir_of) for alert in exact or meant))
        if not last:
            raise QueryError(f"there is no alert {text[:40]!r}")
        if len(last) > 1:
            some = ", ".join(last[:_NAMED]) + (", …" if len(last) > _NAMED else "")
            raise QueryError(f"{text[:40]!r} is the beginning of {len(last)} alerts: {some}")
        ids.setdefault(last[0])
    return list(ids)


def history(store: Store, alert: str) -> list[dict[str, Any]]:
    """All that the log says of an alert, and of those whose place it took, the oldest first."""
    if ALERT_LOG not in store.tables():
        return []
    ids = sorted(ancestors([alert], heirs(store, tables_of(store)).parents))
    found: list[dict[str, Any]] = []
    for some in _some(ids):
        query = exp.select("*").from_(exp.to_table("log")).where(in_texts("alert_id", some))
        found += rows(store.select(query, {"log": Scan(ALERT_LOG)}))
    return sorted(found, key=lambda row: row["id"])


def event_ids(store: Store, table: str, alert: str) -> list[int]:
    """The ids of the first events behind an alert of a table, in order of time."""
    if "source_ids" not in store.columns(table):
        return []
    query = exp.select(column("source_ids")).from_(exp.to_table("alerts"))
    query = query.where(in_texts("alert_id", [alert]))
    texts = [row["source_ids"] for row in rows(store.select(query, {"alerts": Scan(table)}))]
    found = re.findall(r"\d{1,19}", texts[0] or "") if texts else []
    return [int(digits) for digits in found if int(digits) < 2**63]


def events_of(store: Store, tables: Sequence[str], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The events of some ids in some tables, in order of time; `table` says which one is in."""
    there = [table for table in tables if store.columns(table)]
    found: list[dict[str, Any]] = []
    for some in _some(ids):
        for table in there:
            events = Events(store, [table], Filter(include={"id": some}))
            reader = events.ask(events.select(events.columns), events.columns)
            found += ({"table": table, **row} for row in rows(reader))
    place = {number: n for n, number in enumerate(ids)}
    yield from sorted(found, key=lambda row: place[row["id"]])


def watched(alert: Mapping[str, Any]) -> list[str]:
    """The tables that an alert's rule watched."""
    return [name.strip() for name in (alert["source_table"] or "").split(",") if name.strip()]


def _beginning(store: Store, beginnings: Sequence[str]) -> Iterator[str]:
    for table in tables_of(store):
        for some in _some(beginnings):
            lowered = exp.Lower(this=column("alert_id"))
            tests = [
                exp.EQ(
                    this=exp.Left(this=lowered.copy(), expression=exp.Literal.number(len(text))),
                    expression=exp.Literal.string(text),
                )
                for text in some
            ]
            query = exp.select(column("alert_id")).distinct().from_(exp.to_table("alerts"))
            reader = store.select(query.where(exp.or_(*tests)), {"alerts": Scan(table)})
            yield from (row["alert_id"] for row in rows(reader))


def _heirs(store: Store, ids: Sequence[str]) -> dict[str, str]:
    """The heirs of some alerts, and theirs, and so on."""
    found: dict[str, str] = {}
    waiting = list(ids)
    while waiting:
        listed = states(store, Wanted(ids=waiting)).select("alert_id", "heir").drop_nulls()
        fresh = {alert: heir for alert, heir in listed.iter_rows() if alert not in found}
        found |= fresh
        waiting = [heir for heir in fresh.values() if heir not in found]
    return found


def _last(alert: str, heir_of: Mapping[str, str]) -> str:
    seen = {alert}
    while alert in heir_of and heir_of[alert] not in seen:
        alert = heir_of[alert]
        seen.add(alert)
    return alert


def _some(values: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (values[first : first + _AT_ONCE] for first in range(0, len(values), _AT_ONCE))
