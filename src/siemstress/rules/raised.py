"""What alerts there are already: no episode and no tick gets a second one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlglot import exp

from siemstress.query.mysql import timestamp
from siemstress.rules.alerts import Alert
from siemstress.rules.model import Rule
from siemstress.store.base import Bounds, Scan, Store, rows

_RULE = "source_rule"


def overlapping(
    store: Store, out_table: str, rule: Rule, alerts: Sequence[Alert]
) -> Iterator[Alert]:
    """Those of a rule's new alerts whose episode overlaps that of no stored alert of its group."""
    first = min(alert.time for alert in alerts)
    last = max(alert.last for alert in alerts)
    known: dict[str, list[tuple[datetime, datetime]]] = {}
    columns = ("group_key", "time", "last_time")
    query = _of(rule, columns).where(
        exp.column("time", quoted=True) <= timestamp(last),
        exp.column("last_time", quoted=True) >= timestamp(first),
    )
    # Alerts are found by their own time, which is not later than the last event's.
    for row in _rows(store, out_table, query, Bounds(time_max=last)):
        known.setdefault(row["group_key"], []).append((row["time"], row["last_time"]))
    for alert in alerts:
        spans = known.get(alert.group_key, ())
        if not any(start <= alert.last and alert.time <= end for start, end in spans):
            yield alert


def ids_of(store: Store, out_table: str, rule: Rule) -> set[str]:
    """The ids of all alerts that a rule has raised."""
    query = _of(rule, ("alert_id",))
    return {row["alert_id"] for row in _rows(store, out_table, query, Bounds())}


def _of(rule: Rule, columns: Sequence[str]) -> exp.Select:
    query = exp.select(*(exp.column(c, quoted=True) for c in columns))
    own = exp.column(_RULE, quoted=True).eq(exp.Literal.string(rule.name))
    return query.from_(exp.to_table("alerts")).where(own)


def _rows(
    store: Store, out_table: str, query: exp.Select, bounds: Bounds
) -> Iterator[dict[str, Any]]:
    if _RULE not in store.columns(out_table):
        return iter(())
    return rows(store.select(query, {"alerts": Scan(out_table, bounds)}))
